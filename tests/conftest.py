"""What a machine may lack: a GPU, compilers. Without them their tests are skipped, unless they are required."""

import pytest

pytest.register_assert_rewrite("support.oracle")


def pytest_addoption(parser):
    parser.addoption("--require-gpu", action="store_true", help="fail, not skip, without CuPy and a GPU")
    parser.addoption("--require-formats", action="store_true", help="fail, not skip, without what examples need")
    parser.addoption(
        "--require-executors", action="store_true", help="fail, not skip, without dask, loky, MPI, pyarrow"
    )
    parser.addoption("--require-compilers", action="store_true", help="fail, not skip, without g++ and NVRTC")


def require(request, option, there, reason):
    """Skip the test, or fail it with the option, unless what it needs is there."""
    if not there:
        (pytest.fail if request.config.getoption(option) else pytest.skip)(reason)


@pytest.fixture(scope="session")
def need():
    """`require`, for the tests."""
    return require
