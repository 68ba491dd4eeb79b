using System.Globalization;

namespace LlmProxy.Simulator.Wire;

/// <summary>The headers that a provider puts on every answer, and those that the request asked for.</summary>
internal sealed class ReplyHeaders(bool asAnthropic, long number)
{
    public void Write(HttpResponse response, Faults faults)
    {
        var headers = response.Headers;
        if (asAnthropic)
        {
            WriteAnthropic(headers);
        }
        else
        {
            WriteOpenAi(headers);
        }

        var id = faults.RequestId ?? string.Create(CultureInfo.InvariantCulture, $"req_{number:x32}");
        if (id.Length > 0)
        {
            headers[asAnthropic ? "request-id" : "x-request-id"] = id;
        }

        if (faults.RetryAfter is { } seconds)
        {
            headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        }

        if (faults.Trailers.Count > 0)
        {
            headers.Trailer = string.Join(", ", faults.Trailers.Select(static trailer => trailer.Key));
        }

        // What the request asks for stands in place of what would be there, and a name that it repeats is sent twice.
        foreach (var (name, _) in faults.Headers)
        {
            headers.Remove(name);
        }

        foreach (var (name, value) in faults.Headers)
        {
            headers.Append(name, value);
        }
    }

    private static void WriteOpenAi(IHeaderDictionary headers)
    {
        headers["openai-organization"] = "simulator";
        headers["openai-processing-ms"] = "7";
        headers["openai-version"] = "2020-10-01";
        headers["x-ratelimit-limit-requests"] = "10000";
        headers["x-ratelimit-limit-tokens"] = "2000000";
        headers["x-ratelimit-remaining-requests"] = "9999";
        headers["x-ratelimit-remaining-tokens"] = "1999900";
        headers["x-ratelimit-reset-requests"] = "6ms";
        headers["x-ratelimit-reset-tokens"] = "3ms";
    }

    private static void WriteAnthropic(IHeaderDictionary headers)
    {
        headers["anthropic-organization-id"] = "simulator";
        headers["anthropic-ratelimit-requests-limit"] = "10000";
        headers["anthropic-ratelimit-requests-remaining"] = "9999";
        headers["anthropic-ratelimit-requests-reset"] = "2023-11-14T22:13:20Z";
        headers["anthropic-ratelimit-tokens-limit"] = "2000000";
        headers["anthropic-ratelimit-tokens-remaining"] = "1999900";
        headers["anthropic-ratelimit-tokens-reset"] = "2023-11-14T22:13:20Z";
    }
}
