using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;

namespace LlmProxy.Http;

/// <summary>
/// What a request must be before anything looks at what it asks for: a method we know, a target without tricks, one
/// Host, framing that every server on the way reads alike, and header values without control characters. Kestrel
/// lets more through than is safe to pass on.
/// </summary>
internal static class FrontGate
{
    private const string KnownMethods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

    private static readonly Refusal UnknownMethod = Refusal.MethodNotAllowed with { Allow = KnownMethods };

    /// <summary>Null when the request may enter; its checked target comes with it.</summary>
    public static Refusal? Judge(HttpContext http, out RequestTarget target)
    {
        var request = http.Features.GetRequiredFeature<IHttpRequestFeature>();
        target = default;
        if (!IsKnown(request.Method))
        {
            return UnknownMethod;
        }

        if (!RequestTarget.TryParse(request.RawTarget, out target))
        {
            return Refusal.InvalidTarget;
        }

        var headers = request.Headers;
        return HasOneHost(headers) ? JudgeFraming(request.Protocol, headers) ?? JudgeValues(headers)
            : Refusal.InvalidHeader;
    }

    private static bool IsKnown(string method) => method is
        "POST" or "GET" or "DELETE" or "PUT" or "PATCH" or "HEAD" or "OPTIONS";

    private static bool HasOneHost(IHeaderDictionary headers) =>
        headers.Host is { Count: 1 } host && !string.IsNullOrEmpty(host[0]);

    /// <summary>RFC 9112 §6: what two servers may read differently is how requests are smuggled.</summary>
    private static Refusal? JudgeFraming(string protocol, IHeaderDictionary headers)
    {
        var coding = headers.TransferEncoding;
        if (StringValues.IsNullOrEmpty(coding))
        {
            return null;
        }

        var isPlainlyChunked = coding.Count == 1 && "chunked".Equals(coding[0], StringComparison.OrdinalIgnoreCase);

        // Kestrel hides a Content-Length that came with Transfer-Encoding under this name.
        return isPlainlyChunked && HttpProtocol.IsHttp11(protocol) && !headers.ContainsKey("X-Content-Length")
            ? null
            : Refusal.InvalidFraming;
    }

    private static Refusal? JudgeValues(IHeaderDictionary headers)
    {
        foreach (var header in headers)
        {
            if (!HeaderName.IsValid(header.Key) || !HeaderText.IsClean(header.Value))
            {
                return Refusal.InvalidHeader;
            }
        }

        return null;
    }
}
