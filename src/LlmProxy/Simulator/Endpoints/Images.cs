using System.Text.Json;
using LlmProxy.Simulator.Language;
using LlmProxy.Simulator.Wire;

namespace LlmProxy.Simulator.Endpoints;

/// <summary><c>/v1/images/…</c>: the picture is always the same single blue pixel.</summary>
internal static class Images
{
    private const int ImagesMax = 10;

    private const string Png =
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mMw"
        + "TpsJAAICATNoejH4AAAAAElFTkSuQmCC";

    public static async Task GenerateAsync(SimulatedCall call)
    {
        using var body = await call.ReadJsonAsync();
        if (body is null)
        {
            return;
        }

        var fields = new Fields(body.Root);
        var tokens = Words.Count(fields.RequiredText("prompt"));
        var count = fields.Integer("n", 1, ImagesMax) ?? 1;
        await (fields.Error is { } error ? call.RefuseAsync(error) : SendAsync(call, count, tokens));
    }

    /// <summary>Edits and variations: the picture that comes up is read and forgotten.</summary>
    public static async Task EditAsync(SimulatedCall call)
    {
        if (await MultipartForm.ReadAsync(call) is not { } form)
        {
            await call.RefuseAsync(ApiError.UnreadableForm);
        }
        else if (form.File is null)
        {
            await call.RefuseAsync(ApiError.Missing("image"));
        }
        else
        {
            await SendAsync(call, 1, Words.Count(form.Field("prompt")));
        }
    }

    private static Task SendAsync(SimulatedCall call, int count, int tokens) =>
        call.SendJsonAsync((count, tokens), static (json, it) => Write(json, it.count, it.tokens));

    private static void Write(Utf8JsonWriter json, int count, int tokens)
    {
        json.WriteStartObject();
        json.WriteNumber("created"u8, Origin.UnixSeconds);
        json.WriteStartArray("data"u8);
        for (var i = 0; i < count; i++)
        {
            json.WriteStartObject();
            json.WriteString("b64_json"u8, Png);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartObject("usage"u8);
        json.WriteNumber("input_tokens"u8, tokens);
        json.WriteStartObject("input_tokens_details"u8);
        json.WriteNumber("text_tokens"u8, tokens);
        json.WriteNumber("image_tokens"u8, 0);
        json.WriteEndObject();
        json.WriteNumber("output_tokens"u8, count);
        json.WriteNumber("total_tokens"u8, tokens + count);
        json.WriteEndObject();
        json.WriteEndObject();
    }
}
