using System.Globalization;
using LlmProxy.Http;
using LlmProxy.Limits;
using LlmProxy.Providers;
using LlmProxy.Tokens;

namespace LlmProxy.Proxying;

/// <summary>What the proxy adds to an answer, wherever that comes from; never in place of a field of its own.</summary>
internal static class AnswerMarks
{
    public static void Write(Exchange exchange, Grant grant, in ProviderRoute route, TimeProvider clock)
    {
        var response = exchange.Http.Response;
        response.Headers.TryAdd(RequestId.CommonHeader, exchange.RequestId);
        LimitHeaders.Write(response.Headers, grant.Account, grant.Project.Account, exchange.ExpiresIn);
        Cors.Mark(response, exchange.Http.Request, route.Provider);
        response.Headers.Append("Server-Timing", OwnTime(exchange, clock));
    }

    /// <summary>
    /// Our own share of the time so far, as a Server-Timing entry (W3C): milliseconds without the provider's.
    /// </summary>
    private static string OwnTime(Exchange exchange, TimeProvider clock)
    {
        var own = clock.GetElapsedTime(exchange.Started)
            - clock.GetElapsedTime(exchange.SentUpstream, exchange.AnsweredUpstream);

        // Whole numbers: to format a fraction costs five times as much.
        var microseconds = Math.Max(0, own.Ticks / TimeSpan.TicksPerMicrosecond);
        return string.Create(
            CultureInfo.InvariantCulture, $"llm-proxy;dur={microseconds / 1000}.{microseconds % 1000:000}");
    }
}
