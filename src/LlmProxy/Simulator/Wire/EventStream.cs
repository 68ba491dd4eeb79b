using System.Text;
using System.Text.Json;

namespace LlmProxy.Simulator.Wire;

/// <summary>An answer as server-sent events: one write for each event, as providers send them.</summary>
internal sealed class EventStream : IDisposable
{
    private readonly ReplyBody _body;
    private readonly JsonBuffer _buffer = JsonBuffer.Rent();

    public EventStream(SimulatedCall call)
    {
        _body = call.Reply;
        call.Response.ContentType = "text/event-stream; charset=utf-8";
        call.Response.Headers.CacheControl = "no-cache";
    }

    /// <summary>Begins an event; what is written to the result is its data.</summary>
    public Utf8JsonWriter Begin(string? name = null)
    {
        _buffer.Restart();
        if (name is not null)
        {
            _buffer.Append("event: "u8);
            _buffer.Append(Encoding.UTF8.GetBytes(name));
            _buffer.EndLine();
        }

        _buffer.Append("data: "u8);
        return _buffer.Json;
    }

    /// <summary>Where the data of the event that was begun goes.</summary>
    public Utf8JsonWriter Json => _buffer.Json;

    /// <summary>The words of the answer that were sent so far.</summary>
    public long Words => _body.WordsWritten;

    /// <summary>Ends the event that <see cref="Begin"/> began, and sends it.</summary>
    /// <param name="words">How many words of the answer it holds.</param>
    public ValueTask SendAsync(int words = 0)
    {
        _buffer.Append("\n\n"u8);
        return _body.WriteAsync(_buffer.Finish(), words);
    }

    /// <summary>The end mark of OpenAI's chat and completion streams.</summary>
    public ValueTask SendDoneAsync()
    {
        _buffer.Restart();
        _buffer.Append("data: [DONE]\n\n"u8);
        return _body.WriteAsync(_buffer.Finish());
    }

    public ValueTask EndAsync() => _body.EndAsync();

    public void Dispose() => _buffer.Dispose();
}
