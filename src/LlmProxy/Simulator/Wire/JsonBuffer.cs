using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace LlmProxy.Simulator.Wire;

#pragma warning disable MA0045 // The writer flushes into memory, where there is nothing to wait for.

/// <summary>
/// A JSON writer over a growing buffer. Each thread keeps one for the next request; disposing gives it back.
/// </summary>
internal sealed class JsonBuffer : IDisposable
{
    private const int BytesKeptMax = 64 * 1024;

    // Providers send text as plain UTF-8, and so must we: a relay that re-encodes it is then found out.
    private static readonly JsonWriterOptions Options = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        SkipValidation = true,
    };

    [ThreadStatic]
    private static JsonBuffer? _kept;

    private readonly ArrayBufferWriter<byte> _buffer = new(1024);

    private JsonBuffer() => Json = new(_buffer, Options);

    public Utf8JsonWriter Json { get; }

    public static JsonBuffer Rent()
    {
        var buffer = _kept ?? new();
        _kept = null;
        return buffer;
    }

    /// <summary>Everything written so far. Valid until the next <see cref="Restart"/> or <see cref="Dispose"/>.</summary>
    public ReadOnlyMemory<byte> Finish()
    {
        Json.Flush();
        return _buffer.WrittenMemory;
    }

    /// <summary>Begins the next document on a line of its own.</summary>
    public void EndLine() => Append("\n"u8);

    /// <summary>Adds bytes between documents, such as the field names of an event stream.</summary>
    public void Append(ReadOnlySpan<byte> bytes)
    {
        Json.Flush();
        _buffer.Write(bytes);
        Json.Reset();
    }

    public void Restart()
    {
        _buffer.ResetWrittenCount();
        Json.Reset();
    }

    public void Dispose()
    {
        Restart();
        if (_buffer.Capacity <= BytesKeptMax)
        {
            _kept = this;
        }
    }
}
