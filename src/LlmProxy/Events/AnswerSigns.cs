using System.Text.Json;

namespace LlmProxy.Events;

/// <summary>What an answer says of itself, where its body was kept: for sinks that want it without the body.</summary>
/// <param name="Id">What it calls itself.</param>
/// <param name="FinishReasons">Why the model stopped, one for each choice that says so; null when none does.</param>
internal sealed record AnswerSigns(string? Id, IReadOnlyList<string>? FinishReasons)
{
    /// <summary>More choices than that say no more.</summary>
    private const int ReasonsMax = 128;

    public static readonly AnswerSigns None = new(null, null);

    /// <summary>
    /// Of OpenAI's choices the <c>finish_reason</c>, of Anthropic's message the <c>stop_reason</c>, of a response its
    /// <c>status</c>.
    /// </summary>
    public static AnswerSigns Of(JsonElement answer)
    {
        if (answer.ValueKind != JsonValueKind.Object)
        {
            return None;
        }

        var reasons = new List<string>();
        if (answer.TryGetProperty("choices", out var choices) && choices.ValueKind == JsonValueKind.Array)
        {
            foreach (var choice in choices.EnumerateArray().Take(ReasonsMax))
            {
                Add(reasons, TextOf(choice, "finish_reason"));
            }
        }
        else
        {
            Add(reasons, TextOf(answer, "stop_reason")
                ?? (TextOf(answer, "object") == "response" ? TextOf(answer, "status") : null));
        }

        return new AnswerSigns(TextOf(answer, "id"), reasons.Count == 0 ? null : reasons);
    }

    /// <summary>The member's text; null when there is none.</summary>
    public static string? TextOf(JsonElement json, string member) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(member, out var value)
            && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;

    private static void Add(List<string> reasons, string? reason)
    {
        if (reason is not null)
        {
            reasons.Add(reason);
        }
    }
}
