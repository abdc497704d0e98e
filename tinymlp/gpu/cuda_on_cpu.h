// cuda_on_cpu.h -- what a CUDA kernel needs to run on a CPU, one thread at a time: for tests and for learning.
//
// A C++ compiler takes a .cu file for C++ once this header stands before it. Blocks run one after the other. In a block
// the threads run one after the other, too, until one waits at a barrier. Then the next one begins, on a stack of its own
// (a fiber); when all have arrived, they go on. A shuffle is a barrier for the 32 threads of a warp.
//
// It finds wrong results, barriers and shuffles that some threads do not reach, and, with the address sanitizer, memory out
// of bounds. Dynamic shared memory holds NaN before a block begins, so that what is read before it is written shows.
// It cannot find races between barriers, and says nothing about speed. It has what our kernels use and no more.
#pragma once
#include <cmath>
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <ucontext.h>
#include <utility>
#include <vector>

struct Index { unsigned x = 0, y = 0, z = 0; };
static Index threadIdx, blockIdx, blockDim, gridDim;
using std::sqrt;
struct alignas(16) float4 { float x, y, z, w; };
static float4* dynamic_memory;   // dynamic shared memory; in CUDA each source declares it

#define __global__
#define __device__
#define __forceinline__ inline
#define __shared__ static        // blocks run one at a time, so they can share it, too
#define __launch_bounds__(...)
#define __syncthreads() cuda_on_cpu::wait(cuda_on_cpu::block, cuda_on_cpu::threads, __LINE__)
#define __shfl_xor_sync(mask, value, lane_mask) cuda_on_cpu::shuffle_xor(mask, value, lane_mask, __LINE__)

namespace cuda_on_cpu {

// ---------------------------------------------------------------- a block of threads, on fibers
struct Barrier {
    unsigned arrived = 0, opened = 0;    // how many threads wait now, and how often it has opened
    int line = 0;                        // where they wait
};

struct Warp {                            // 32 threads that can shuffle
    Barrier given, taken;                // all have handed a number in; all have taken one out
    float numbers[32];
};

struct Fiber {
    jmp_buf place;                       // where it left off
    bool started = false;
    unsigned thread = 0;                 // which it runs now
    Barrier* barrier = nullptr;          // at which it waits
    unsigned opened = 0;                 // how often that had opened then
    std::vector<char> stack = std::vector<char>(64 * 1024);
};

static std::vector<std::unique_ptr<Fiber>> fibers;
static std::vector<Warp> warps;
static Barrier block;
static Fiber* current;
static jmp_buf scheduler;
static void (*body)(void**);             // the kernel
static void** arguments;
static unsigned threads, next_thread, finished;
static char error[200];

static Index thread_index(unsigned t) {
    return {t % blockDim.x, t / blockDim.x % blockDim.y, t / (blockDim.x * blockDim.y)};
}

static void leave() {                    // back to the scheduler, until it resumes this fiber
    if (!_setjmp(current->place)) _longjmp(scheduler, 1);
}

static void wait(Barrier& barrier, unsigned all, int line) {
    if (barrier.arrived && line != barrier.line) {
        std::snprintf(error, sizeof error, "thread %u waits at line %d, others of block %u at line %d",
                      current->thread, line, blockIdx.x, barrier.line);
        leave();
    }
    barrier.line = line;
    current->barrier = &barrier;
    current->opened = barrier.opened;
    if (++barrier.arrived < all) return leave();
    barrier.arrived = 0;                 // the last one opens it, and goes on
    ++barrier.opened;
    current->barrier = nullptr;
}

static float shuffle_xor(unsigned mask, float number, int lane_mask, int line) {
    if (mask != 0xffffffffu || threads % 32) {
        std::snprintf(error, sizeof error, "the shuffle at line %d needs full warps and all their threads", line);
        leave();
    }
    Warp& warp = warps[current->thread / 32];
    const unsigned lane = current->thread % 32;
    warp.numbers[lane] = number;
    wait(warp.given, 32, line);
    const float other = warp.numbers[lane ^ lane_mask];
    wait(warp.taken, 32, line);
    return other;
}

static void work() {                     // a fiber runs thread after thread, as long as none waits
    for (;;) {
        while (next_thread < threads) {
            current->thread = next_thread++;
            threadIdx = thread_index(current->thread);
            body(arguments);
            ++finished;
        }
        leave();
    }
}

static void resume(Fiber& fiber) {
    current = &fiber;
    fiber.barrier = nullptr;
    threadIdx = thread_index(fiber.thread);
    if (_setjmp(scheduler)) return;      // here leave() comes back
    if (fiber.started) _longjmp(fiber.place, 1);
    fiber.started = true;
    static ucontext_t context;
    getcontext(&context);
    context.uc_stack.ss_sp = fiber.stack.data();
    context.uc_stack.ss_size = fiber.stack.size();
    makecontext(&context, work, 0);
    setcontext(&context);
}

static void explain_standstill() {
    const Barrier* stuck = &block;
    unsigned all = threads;
    for (const Warp& warp : warps)
        for (const Barrier* barrier : {&warp.given, &warp.taken})
            if (barrier->arrived) stuck = barrier, all = 32;
    std::snprintf(error, sizeof error, "%u of %u threads of %s %u wait at line %d, the others have ended or wait elsewhere",
                  stuck->arrived, all, stuck == &block ? "block" : "a warp of block", blockIdx.x, stuck->line);
}

static void run_block() {
    next_thread = finished = 0;
    block = {};
    warps.assign((threads + 31) / 32, {});
    while (finished < threads && !*error) {
        bool moved = false;
        for (unsigned k = 0; !*error && (k < fibers.size() || next_thread < threads); ++k) {
            if (k == fibers.size()) fibers.push_back(std::make_unique<Fiber>());
            Fiber& fiber = *fibers[k];
            const bool stays = fiber.barrier ? fiber.barrier->opened == fiber.opened : next_thread == threads;
            if (stays) continue;
            moved = true;
            resume(fiber);
        }
        if (!moved && !*error) explain_standstill();
    }
}

// ---------------------------------------------------------------- a launch
template <typename T> struct Name;
template <> struct Name<float> { static constexpr const char* text = "float32"; };
template <> struct Name<double> { static constexpr const char* text = "float64"; };
template <> struct Name<int> { static constexpr const char* text = "int32"; };
template <> struct Name<long long> { static constexpr const char* text = "int64"; };
template <typename T> struct Name<const T> : Name<T> {};
template <typename T> struct Name<T*> : Name<T> {};

template <auto kernel, typename Positions, typename... T> struct Launch;

template <auto kernel, std::size_t... i, typename... T>
struct Launch<kernel, std::index_sequence<i...>, T...> {
    static void call(void** values) { kernel(*static_cast<T*>(values[i])...); }
    static const char* signature() {          // as in "*float32 *float32 int64 float32 "
        static char text[400];
        int at = 0;
        ((at += std::snprintf(text + at, sizeof text - at, "%s%s ", std::is_pointer_v<T> ? "*" : "", Name<T>::text)), ...);
        return text;
    }
};

template <auto kernel, typename... T>
Launch<kernel, std::index_sequence_for<T...>, T...> launch_of(void (*)(T...));   // finds T of a kernel

static const char* launch(void (*call)(void**), const unsigned* grid, const unsigned* block, unsigned bytes, void** values) {
    body = call;
    arguments = values;
    gridDim = {grid[0], grid[1], grid[2]};
    blockDim = {block[0], block[1], block[2]};
    threads = blockDim.x * blockDim.y * blockDim.z;
    *error = 0;
    for (unsigned b = 0; b < gridDim.x * gridDim.y * gridDim.z && !*error; ++b) {
        blockIdx = {b % gridDim.x, b / gridDim.x % gridDim.y, b / (gridDim.x * gridDim.y)};
        dynamic_memory = static_cast<float4*>(std::malloc(bytes));         // no more, so that an overrun shows
        if (bytes) std::memset(dynamic_memory, 0xff, bytes);               // NaN
        run_block();
        std::free(dynamic_memory);
    }
    if (*error) fibers.clear();               // with all that was left standing
    return *error ? error : nullptr;
}

}  // namespace cuda_on_cpu

// For each kernel two functions that ctypes can call.
#define CUDA_ON_CPU(number, ...)                                                                                          \
    using Launch##number = decltype(cuda_on_cpu::launch_of<&__VA_ARGS__>(&__VA_ARGS__));                                   \
    extern "C" const char* signature_##number() { return Launch##number::signature(); }                                   \
    extern "C" const char* launch_##number(const unsigned* grid, const unsigned* block, unsigned bytes, void** values) {  \
        return cuda_on_cpu::launch(Launch##number::call, grid, block, bytes, values);                                     \
    }
