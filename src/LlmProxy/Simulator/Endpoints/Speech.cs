using System.Buffers.Binary;
using LlmProxy.Simulator.Language;
using LlmProxy.Simulator.Wire;

namespace LlmProxy.Simulator.Endpoints;

/// <summary>
/// <c>/v1/audio/speech</c>: a tenth of a second of tone for each word, streamed. Only wav and pcm can be played; the
/// other formats have the right media type and the same bytes.
/// </summary>
internal static class Speech
{
    private const int SamplesPerSecond = 8000;
    private const int BytesPerWord = SamplesPerSecond / 10 * sizeof(short);
    private const int WordsMax = 4096;

    private static readonly byte[] Tone = MakeTone();

    public static async Task AnswerAsync(SimulatedCall call)
    {
        using var body = await call.ReadJsonAsync();
        if (body is null)
        {
            return;
        }

        var fields = new Fields(body.Root);
        fields.RequiredText("model");
        fields.RequiredText("voice");
        var words = Math.Clamp(Words.Count(fields.RequiredText("input")), 1, WordsMax);
        var format = fields.Text("response_format") ?? "mp3";
        var error = fields.Error ?? (MediaTypeOf(format) is null
            ? ApiError.InvalidValue("response_format", "mp3, opus, aac, flac, wav or pcm")
            : null);
        await (error is not null ? call.RefuseAsync(error) : StreamAsync(call, format, call.Faults.Chunks ?? words));
    }

    private static async Task StreamAsync(SimulatedCall call, string format, int words)
    {
        call.Response.ContentType = MediaTypeOf(format);
        if (format == "wav")
        {
            await call.Reply.WriteAsync(WavHead(words * BytesPerWord));
        }

        for (var i = 0; i < words; i++)
        {
            await call.Reply.WriteAsync(Tone);
        }

        await call.Reply.EndAsync();
    }

    private static string? MediaTypeOf(string format) => format switch
    {
        "mp3" => "audio/mpeg",
        "opus" => "audio/opus",
        "aac" => "audio/aac",
        "flac" => "audio/flac",
        "wav" => "audio/wav",
        "pcm" => "audio/pcm",
        _ => null,
    };

    private static byte[] MakeTone()
    {
        var tone = new byte[BytesPerWord];
        for (var i = 0; i < BytesPerWord / sizeof(short); i++)
        {
            var sample = (short)(8000 * Math.Sin(2 * Math.PI * 440 * i / SamplesPerSecond));
            BinaryPrimitives.WriteInt16LittleEndian(tone.AsSpan(i * sizeof(short)), sample);
        }

        return tone;
    }

    private static byte[] WavHead(int bytes)
    {
        var head = new byte[44];
        "RIFF"u8.CopyTo(head);
        BinaryPrimitives.WriteInt32LittleEndian(head.AsSpan(4), bytes + 36);
        "WAVEfmt "u8.CopyTo(head.AsSpan(8));
        BinaryPrimitives.WriteInt32LittleEndian(head.AsSpan(16), 16);
        BinaryPrimitives.WriteInt16LittleEndian(head.AsSpan(20), 1);
        BinaryPrimitives.WriteInt16LittleEndian(head.AsSpan(22), 1);
        BinaryPrimitives.WriteInt32LittleEndian(head.AsSpan(24), SamplesPerSecond);
        BinaryPrimitives.WriteInt32LittleEndian(head.AsSpan(28), SamplesPerSecond * sizeof(short));
        BinaryPrimitives.WriteInt16LittleEndian(head.AsSpan(32), sizeof(short));
        BinaryPrimitives.WriteInt16LittleEndian(head.AsSpan(34), 16);
        "data"u8.CopyTo(head.AsSpan(36));
        BinaryPrimitives.WriteInt32LittleEndian(head.AsSpan(40), bytes);
        return head;
    }
}
