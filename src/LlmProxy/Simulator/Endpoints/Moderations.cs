using System.Text.Json;
using LlmProxy.Simulator.Language;
using LlmProxy.Simulator.Wire;

namespace LlmProxy.Simulator.Endpoints;

/// <summary><c>/v1/moderations</c>: an input is flagged for each category whose name it contains.</summary>
internal static class Moderations
{
    private static readonly string[] Categories =
    [
        "harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent", "self-harm",
        "self-harm/intent", "self-harm/instructions", "sexual", "sexual/minors", "violence", "violence/graphic",
    ];

    public static async Task AnswerAsync(SimulatedCall call)
    {
        using var body = await call.ReadJsonAsync();
        if (body is null)
        {
            return;
        }

        var fields = new Fields(body.Root);
        var input = fields.Required("input");
        var model = fields.Text("model") ?? "omni-moderation-latest";
        await (fields.Error is { } error
            ? call.RefuseAsync(error)
            : call.SendJsonAsync((input, model), static (json, it) => Write(json, it.input, it.model)));
    }

    private static void Write(Utf8JsonWriter json, JsonElement input, string model)
    {
        json.WriteStartObject();
        json.WriteString("id"u8, Seed.Of(Conversation.TextOf(input)).NextId("modr-"));
        json.WriteString("model"u8, model);
        json.WriteStartArray("results"u8);

        // Content parts are one input together; texts are one each.
        if (input.ValueKind == JsonValueKind.Array
            && input.EnumerateArray().All(static text => text.ValueKind == JsonValueKind.String))
        {
            foreach (var text in input.EnumerateArray())
            {
                WriteResult(json, text.GetString()!);
            }
        }
        else
        {
            WriteResult(json, Conversation.TextOf(input));
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteResult(Utf8JsonWriter json, string text)
    {
        json.WriteStartObject();
        json.WriteBoolean("flagged"u8, Categories.Any(category => IsIn(text, category)));
        json.WriteStartObject("categories"u8);
        foreach (var category in Categories)
        {
            json.WriteBoolean(category, IsIn(text, category));
        }

        json.WriteEndObject();
        json.WriteStartObject("category_scores"u8);
        foreach (var category in Categories)
        {
            json.WriteNumber(category, IsIn(text, category) ? 0.99 : 0.01);
        }

        json.WriteEndObject();
        json.WriteStartObject("category_applied_input_types"u8);
        foreach (var category in Categories)
        {
            json.WriteStartArray(category);
            json.WriteStringValue("text"u8);
            json.WriteEndArray();
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static bool IsIn(string text, string category) =>
        text.Contains(category, StringComparison.OrdinalIgnoreCase);
}
