using System.Text.Json;
using LlmProxy.Events;

namespace LlmProxy.Dispatching.Sinks;

/// <summary>What the client asked for, when its body was kept: the <c>gen_ai.request.*</c> attributes.</summary>
internal static class OtlpRequest
{
    private static readonly (string Member, string Attribute)[] Fractions =
    [
        ("temperature", "gen_ai.request.temperature"),
        ("top_p", "gen_ai.request.top_p"),
        ("frequency_penalty", "gen_ai.request.frequency_penalty"),
        ("presence_penalty", "gen_ai.request.presence_penalty"),
    ];

    private static readonly (string Member, string Attribute)[] Wholes =
    [
        ("seed", "gen_ai.request.seed"),
        ("top_k", "gen_ai.request.top_k"),
        ("dimensions", "gen_ai.embeddings.dimension.count"),
    ];

    public static void AddTo(OtlpAttributes attributes, ExchangeEvent exchange)
    {
        if (exchange.Request.Body?.Json is not { ValueKind: JsonValueKind.Object } body)
        {
            return;
        }

        foreach (var (member, attribute) in Fractions)
        {
            attributes.Add(attribute, Fraction(body.Member(member)));
        }

        foreach (var (member, attribute) in Wholes)
        {
            attributes.Add(attribute, Whole(body.Member(member)));
        }

        attributes.Add(
            "gen_ai.request.max_tokens",
            Whole(body.Member("max_completion_tokens")) ?? Whole(body.Member("max_output_tokens"))
                ?? Whole(body.Member("max_tokens")));
        attributes.Add("gen_ai.request.choice.count", Whole(body.Member("n")) is { } count and not 1 ? count : null);
        attributes.Add("gen_ai.request.stop_sequences", StopsOf(body));
        attributes.Add("gen_ai.request.previous_response.id", body.TextOf("previous_response_id"));
        attributes.Add(
            "gen_ai.request.reasoning.level",
            body.TextOf("reasoning_effort") ?? body.Member("reasoning").TextOf("effort"));
        var format = body.Member("response_format").TextOf("type")
            ?? body.Member("text").Member("format").TextOf("type");
        attributes.Add("gen_ai.output.type", format switch
        {
            "json_object" or "json_schema" => "json",
            "text" => "text",
            _ => null,
        });
    }

    private static string[] StopsOf(JsonElement body)
    {
        var stop = body.Member("stop").IsThere() ? body.Member("stop") : body.Member("stop_sequences");
        return stop.Text() is { } only ? [only] : [.. stop.Items().Select(static item => item.Text()).OfType<string>()];
    }

    private static double? Fraction(JsonElement number) =>
        number.ValueKind == JsonValueKind.Number && number.TryGetDouble(out var value) ? value : null;

    private static long? Whole(JsonElement number) =>
        number.ValueKind == JsonValueKind.Number && number.TryGetInt64(out var value) ? value : null;
}
