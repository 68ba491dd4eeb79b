namespace LlmProxy.Cli;

/// <summary>Reads base URLs as people write them: with or without a slash or the API's first segment.</summary>
internal static class ServerAddress
{
    /// <param name="text">What the person gave.</param>
    /// <param name="apiSegment">The segment that paths begin with anyway, such as <c>/v1</c>.</param>
    /// <param name="source">The flag or setting it came from, for the complaint.</param>
    public static Uri Parse(string text, string apiSegment, string source)
    {
        var trimmed = text.TrimEnd('/');
        if (trimmed.EndsWith(apiSegment, StringComparison.Ordinal))
        {
            trimmed = trimmed[..^apiSegment.Length];
        }

        return Uri.TryCreate(trimmed + "/", UriKind.Absolute, out var address)
            && (address.Scheme == Uri.UriSchemeHttp || address.Scheme == Uri.UriSchemeHttps)
            && address is { Query: "", Fragment: "", UserInfo: "" }
                ? address
                : throw CommandFailure.Usage(
                    $"{source} must be an address such as http://localhost:8080, not '{text}'.");
    }
}
