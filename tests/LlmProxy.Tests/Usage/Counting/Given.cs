using System.Buffers;
using System.Text;
using LlmProxy.Usage.Counting;

namespace LlmProxy.Tests.Usage.Counting;

/// <summary>What the tests of this folder begin with.</summary>
internal static class Given
{
    public static readonly ApiOperation Chat = ApiOperation.Of("POST", "/v1/chat/completions");
    public static readonly ApiOperation Completions = ApiOperation.Of("POST", "/v1/completions");
    public static readonly ApiOperation Responses = ApiOperation.Of("POST", "/v1/responses");
    public static readonly ApiOperation Messages = ApiOperation.Of("POST", "/v1/messages");
    public static readonly ApiOperation Secrets = ApiOperation.Of("POST", "/v1/realtime/client_secrets");
    public static readonly ApiOperation ImageEdits = ApiOperation.Of("POST", "/v1/images/edits");
    public static readonly ApiOperation Transcriptions = ApiOperation.Of("POST", "/v1/audio/transcriptions");

    public static ReadOnlySequence<byte> Body(string text) => new(Encoding.UTF8.GetBytes(text));

    /// <summary>The same bytes in pieces of the given length.</summary>
    public static ReadOnlySequence<byte> Pieces(ReadOnlyMemory<byte> bytes, int length)
    {
        var first = new Piece(bytes[..Math.Min(length, bytes.Length)], 0);
        var last = first;
        for (var start = length; start < bytes.Length; start += length)
        {
            last = last.Append(bytes.Slice(start, Math.Min(length, bytes.Length - start)));
        }

        return new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length);
    }

    private sealed class Piece : ReadOnlySequenceSegment<byte>
    {
        public Piece(ReadOnlyMemory<byte> memory, long start) => (Memory, RunningIndex) = (memory, start);

        public Piece Append(ReadOnlyMemory<byte> memory)
        {
            var next = new Piece(memory, RunningIndex + Memory.Length);
            Next = next;
            return next;
        }
    }
}
