using System.Net;
using LlmProxy.Caching;
using LlmProxy.Http;
using LlmProxy.Providers;
using LlmProxy.Secrets;

namespace LlmProxy.Proxying;

/// <summary>
/// The one place where a request for the provider is made: the client's own, with the host and the credential
/// replaced and nothing else changed.
/// </summary>
internal static class UpstreamRequest
{
    // The path was checked byte by byte (RequestTarget) and goes out as it came: no decoding, no dot-segment removal.
    private static readonly UriCreationOptions AsItIs = new() { DangerousDisablePathAndQueryCanonicalization = true };

    /// <param name="exchange">The client's request.</param>
    /// <param name="route">Where it goes.</param>
    /// <param name="providerKey">The project's.</param>
    /// <param name="content">Its body.</param>
    /// <param name="stored">
    /// Asked for only if it has changed, in place of what the client would ask: its own conditions are then ours to
    /// answer (RFC 9111 §4.3.1).
    /// </param>
    public static HttpRequestMessage Create(
        Exchange exchange, in ProviderRoute route, Secret providerKey, UploadContent? content, StoredResponse? stored)
    {
        var request = exchange.Http.Request;
        var message = new HttpRequestMessage(MethodOf(request.Method), UriOf(exchange.Target, route))
        {
            Version = HttpVersion.Version11,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = content,
        };

        CopyHeaders(exchange, message, withConditions: stored is null);
        if (stored is not null)
        {
            Ask(message, "If-None-Match", stored.ETag);
            Ask(message, "If-Modified-Since", stored.LastModified);
        }

        if (WebSocketUpgrade.IsAskedBy(exchange.Http))
        {
            message.Headers.TryAddWithoutValidation("Connection", "Upgrade");
            message.Headers.TryAddWithoutValidation("Upgrade", WebSocketUpgrade.Protocol);
        }

        Authenticate(message, route.Provider.Auth, providerKey);
        return message;
    }

    private static Uri UriOf(RequestTarget target, in ProviderRoute route)
    {
        var path = target.RawPath[route.PrefixLength..];
        return new Uri(string.Concat(route.Provider.Origin, route.Provider.BasePath, path, target.Query), AsItIs);
    }

    private static void Ask(HttpRequestMessage message, string condition, string? validator)
    {
        if (validator is not null)
        {
            message.Headers.TryAddWithoutValidation(condition, validator);
        }
    }

    private static void CopyHeaders(Exchange exchange, HttpRequestMessage message, bool withConditions)
    {
        var request = exchange.Http.Request;
        var connection = request.Headers.Connection;
        foreach (var (name, values) in request.Headers)
        {
            if (!HeaderPolicy.Forwards(name, connection))
            {
                continue;
            }

            if (exchange.MustComeAsItIs(name) || (!withConditions && IsOurs(name)))
            {
                continue;
            }

            var passed = ClientCredential.IsCarriedBy(name) ? ClientCredential.RemoveFrom(values) : values;
            if (passed.Count == 0)
            {
                continue;
            }

            // The gate has checked every value; only then is "without validation" no way in for a second header.
            if (passed.Count == 1
                ? !message.Headers.TryAddWithoutValidation(name, passed[0])
                : !message.Headers.TryAddWithoutValidation(name, (IEnumerable<string?>)passed))
            {
                message.Content ??= new ByteArrayContent([]);
                message.Content.Headers.TryAddWithoutValidation(name, (IEnumerable<string?>)passed);
            }
        }
    }

    private static bool IsOurs(string name) =>
        name.Equals("If-None-Match", StringComparison.OrdinalIgnoreCase)
        || name.Equals("If-Modified-Since", StringComparison.OrdinalIgnoreCase);

    private static void Authenticate(HttpRequestMessage message, ProviderAuth auth, Secret providerKey)
    {
        var value = auth.ValueFor(providerKey);
        if (!HeaderText.IsClean(value))
        {
            throw new InvalidOperationException("A provider key holds a control character.");
        }

        message.Headers.TryAddWithoutValidation(auth.HeaderName, value);
    }

    private static HttpMethod MethodOf(string method) => method switch
    {
        "POST" => HttpMethod.Post,
        "GET" => HttpMethod.Get,
        "DELETE" => HttpMethod.Delete,
        "PUT" => HttpMethod.Put,
        "PATCH" => HttpMethod.Patch,
        "HEAD" => HttpMethod.Head,
        _ => new HttpMethod(method),
    };
}
