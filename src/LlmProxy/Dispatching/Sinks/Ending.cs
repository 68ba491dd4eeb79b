using System.Globalization;
using LlmProxy.Events;

namespace LlmProxy.Dispatching.Sinks;

/// <summary>When an exchange was and how it ended, in words that do for every service.</summary>
internal static class Ending
{
    /// <summary>
    /// The end, never before the start: the duration comes from a clock that does not jump, the two times do not.
    /// </summary>
    public static DateTimeOffset EndOf(ExchangeEvent exchange)
    {
        var (start, end) = (exchange.StartedAt, exchange.EndedAt);
        var longest = (DateTimeOffset.MaxValue - start).TotalMilliseconds;
        return exchange.DurationMs > 0 && exchange.DurationMs < longest ? start.AddMilliseconds(exchange.DurationMs)
            : end > start ? end
            : start;
    }

    /// <summary>
    /// What went wrong, as one of few words: the refusal's code, how it was broken off, or the status; null when
    /// nothing did.
    /// </summary>
    public static string? ErrorTypeOf(ExchangeEvent exchange) => exchange switch
    {
        { Refusal: { } code } => code,
        { Outcome: "timed_out" } => "timeout",
        { Outcome: not "served" } => exchange.Outcome,
        { Status: >= 400 } => exchange.Status.ToString(CultureInfo.InvariantCulture),
        _ => null,
    };

    /// <summary>The client got no success: neither an answer nor the beginning of one.</summary>
    public static bool IsFailure(ExchangeEvent exchange) => exchange.Status is < 200 or >= 400;

    /// <summary>A sentence for people: the provider's own, or the word of <see cref="ErrorTypeOf"/>.</summary>
    public static string MessageOf(ExchangeEvent exchange)
    {
        var body = exchange.Response.Body?.Json ?? default;
        var said = body.Member("error").TextOf("message") ?? body.TextOf("error", "message", "detail");
        return said ?? ErrorTypeOf(exchange) ?? "failed";
    }
}
