using System.Text;
using System.Text.Json;
using LlmProxy.Simulator.Language;
using LlmProxy.Simulator.Wire;

namespace LlmProxy.Simulator.Endpoints;

/// <summary>
/// <c>/v1/audio/transcriptions</c> and <c>translations</c>: the text tells the name and size of the file.
/// </summary>
internal static class Transcriptions
{
    public static async Task AnswerAsync(SimulatedCall call)
    {
        if (await MultipartForm.ReadAsync(call) is not { } form)
        {
            await call.RefuseAsync(ApiError.UnreadableForm);
            return;
        }

        if (form.File is not { } file)
        {
            await call.RefuseAsync(ApiError.Missing("file"));
            return;
        }

        if (form.Field("model").Length == 0)
        {
            await call.RefuseAsync(ApiError.Missing("model"));
            return;
        }

        var text = $"Simulated transcript of {file.Name}, {file.Bytes} bytes.";
        var usage = call.Faults.Usage.Of(new WordUsage(0, Words.Count(text)));
        var isStreamed = form.Field("stream") == "true";
        call.Charge(form.Field("model"), usage, isStreamed || form.Field("response_format") is "" or "json");
        await (isStreamed ? StreamAsync(call, text, usage) : SendAsync(call, form, text, usage));
    }

    private static Task SendAsync(SimulatedCall call, MultipartForm form, string text, WordUsage usage) =>
        form.Field("response_format") switch
        {
            "" or "json" => call.SendJsonAsync((text, usage), static (json, it) => WriteJson(json, it.text, it.usage)),
            "verbose_json" => call.SendJsonAsync(text, WriteVerbose),
            "text" => SendTextAsync(call, text + "\n"),
            "srt" => SendTextAsync(call, $"1\n00:00:00,000 --> 00:00:01,000\n{text}\n\n"),
            "vtt" => SendTextAsync(call, $"WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n{text}\n\n"),
            _ => call.RefuseAsync(ApiError.InvalidValue("response_format", "json, text, srt, verbose_json or vtt")),
        };

    private static Task SendTextAsync(SimulatedCall call, string text) =>
        call.SendAsync("text/plain; charset=utf-8", Encoding.UTF8.GetBytes(text));

    private static void WriteJson(Utf8JsonWriter json, string text, WordUsage usage)
    {
        json.WriteStartObject();
        json.WriteString("text"u8, text);
        usage.WriteForTranscriptions(json);
        json.WriteEndObject();
    }

    private static void WriteVerbose(Utf8JsonWriter json, string text)
    {
        json.WriteStartObject();
        json.WriteString("task"u8, "transcribe"u8);
        json.WriteString("language"u8, "english"u8);
        json.WriteNumber("duration"u8, 1);
        json.WriteString("text"u8, text);
        json.WriteStartArray("segments"u8);
        json.WriteStartObject();
        json.WriteNumber("id"u8, 0);
        json.WriteNumber("start"u8, 0);
        json.WriteNumber("end"u8, 1);
        json.WriteString("text"u8, text);
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static async Task StreamAsync(SimulatedCall call, string text, WordUsage usage)
    {
        using var events = new EventStream(call);
        for (int start = 0, end; start < text.Length; start = end)
        {
            end = Words.EndOfPiece(text, start);
            WriteEvent(events.Begin(), "transcript.text.delta", "delta", text[start..end], null);
            await events.SendAsync(words: 1);
        }

        WriteEvent(events.Begin(), "transcript.text.done", "text", text, usage);
        await events.SendAsync();
        await events.EndAsync();
    }

    private static void WriteEvent(Utf8JsonWriter json, string type, string member, string text, WordUsage? usage)
    {
        json.WriteStartObject();
        json.WriteString("type"u8, type);
        json.WriteString(member, text);
        usage?.WriteForTranscriptions(json);
        json.WriteEndObject();
    }
}
