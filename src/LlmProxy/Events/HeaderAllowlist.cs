using System.Collections.Frozen;
using Microsoft.Extensions.Primitives;

namespace LlmProxy.Events;

/// <summary>
/// Which header fields go into events: those that say what a client is, whom it works for and how the provider
/// answered. None that carries a credential can be added.
/// </summary>
internal sealed class HeaderAllowlist
{
    /// <summary>A longer value is cut.</summary>
    public const int ValueLengthMax = 256;

    /// <summary>More are not kept of one message.</summary>
    private const int FieldsMax = 32;

    // Clients of Helicone tag their requests with fields of this form.
    private const string PropertyPrefix = "helicone-property-";

    private static readonly string[] RequestNames =
    [
        "user-agent", "openai-organization", "openai-project", "openai-beta", "anthropic-version", "anthropic-beta",
        "helicone-user-id", "helicone-session-id", "helicone-session-path", "helicone-session-name",
    ];

    private static readonly string[] ResponseNames =
    [
        "openai-processing-ms", "openai-version", "openai-organization", "request-id", "x-request-id", "retry-after",
    ];

    private static readonly FrozenSet<string> Credentials = new[]
    {
        "authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "api-key", "x-goog-api-key",
        "helicone-auth", "sec-websocket-protocol", "www-authenticate", "authentication-info", "x-amz-security-token",
    }.ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    private readonly FrozenSet<string> _request;
    private readonly FrozenSet<string> _response;

    /// <param name="more">Names that are kept of both messages.</param>
    public HeaderAllowlist(IEnumerable<string> more)
    {
        var added = more.ToList();
        _request = RequestNames.Concat(added).ToFrozenSet(StringComparer.OrdinalIgnoreCase);
        _response = ResponseNames.Concat(added).ToFrozenSet(StringComparer.OrdinalIgnoreCase);
    }

    /// <summary>Whether a field of that name holds a credential.</summary>
    public static bool IsCredential(string name) => Credentials.Contains(name);

    public KeyValuePair<string, string>[]? OfRequest(IHeaderDictionary headers) => Pick(headers, _request, true);

    public KeyValuePair<string, string>[]? OfResponse(IHeaderDictionary headers) => Pick(headers, _response, false);

    private static KeyValuePair<string, string>[]? Pick(
        IHeaderDictionary headers, FrozenSet<string> names, bool withProperties)
    {
        List<KeyValuePair<string, string>>? picked = null;
        foreach (var (name, values) in headers)
        {
            if (names.Contains(name)
                || (withProperties && name.StartsWith(PropertyPrefix, StringComparison.OrdinalIgnoreCase)))
            {
                picked ??= [];
                picked.Add(new KeyValuePair<string, string>(name, TextOf(values)));
                if (picked.Count == FieldsMax)
                {
                    break;
                }
            }
        }

        return picked?.ToArray();
    }

    private static string TextOf(StringValues values)
    {
        var text = values.ToString();
        return text.Length <= ValueLengthMax ? text : text[..ValueLengthMax];
    }
}
