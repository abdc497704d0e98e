"""Draw segments.png, the picture in the README: e^x learnt, by the article's detector and by exact segments."""

from pathlib import Path

from tinymlp import MLP, detect_segments, extract_segments, plot, sample, train


def main():
    net = MLP([1, 10, 10, 10, 1])
    train(net, sample("exp"), epochs=120, shuffle=False)
    f = extract_segments(net, -2, 5)
    fig, (left, right) = plot.figure(columns=2)
    plot.segments(net, (-2, 5), "exp", left, style="article")
    left.set_title(f"finite differences on 300 points: {detect_segments(net, -2, 5).count} segments")
    plot.segments(f, (-2, 5), "exp", right).legend(fontsize="small")
    right.set_title(f"exactly: {len(f)} segments, {len(f.boundaries)} boundaries")
    fig.savefig(Path(__file__).with_name("segments.png"))


if __name__ == "__main__":
    main()
