using System.Buffers;
using CsCheck;
using LlmProxy.Proxying;
using Xunit;

namespace LlmProxy.Tests.Proxying;

public sealed class BodyCaptureTests
{
    [Fact]
    public void Keeps_what_passes_in_pieces_of_any_size() =>
        Gen.Byte.Array[0, 20_000].Array[0, 8].Sample(static pieces =>
        {
            using var capture = new BodyCapture();
            foreach (var piece in pieces)
            {
                capture.Add(new ReadOnlySequence<byte>(piece));
            }

            Assert.Equal(pieces.SelectMany(static piece => piece), capture.Body.ToArray());
            Assert.Equal(0, capture.BytesBeyond);
        });

    [Fact]
    public void Keeps_the_beginning_and_counts_what_is_beyond_it()
    {
        using var capture = new BodyCapture(1_000);
        var piece = new ReadOnlySequence<byte>([.. Enumerable.Range(0, 600).Select(static i => (byte)i)]);

        capture.Add(piece);
        capture.Add(piece);
        capture.Add(piece);

        Assert.Equal([.. piece.ToArray(), .. piece.Slice(0, 400).ToArray()], capture.Body.ToArray());
        Assert.Equal(800, capture.BytesBeyond);
    }

    [Fact]
    public void Bounds_what_all_of_them_keep_together_and_is_there_again_when_they_are_done()
    {
        var piece = new ReadOnlySequence<byte>(new byte[1024 * 1024]);
        var captures = Enumerable.Range(0, 100).Select(static _ => new BodyCapture()).ToList();

        captures.ForEach(capture => capture.Add(piece));
        var kept = captures.Sum(static capture => capture.Body.Length);
        captures.ForEach(static capture => capture.Dispose());
        using var later = new BodyCapture();
        later.Add(piece);

        Assert.InRange(kept, piece.Length, 64 * 1024 * 1024);
        Assert.Equal(piece.Length, later.Body.Length);
    }
}
