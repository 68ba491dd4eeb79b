using System.Text;
using System.Text.Json;
using LlmProxy.Http;
using LlmProxy.Management;
using LlmProxy.Providers;

namespace LlmProxy.Caching;

/// <summary>What is to be forgotten, as it was read from a request.</summary>
/// <param name="Selector">Chooses it.</param>
/// <param name="Exact">The one key under which it is, when that is known.</param>
internal sealed record CachePurge(CacheSelector Selector, CacheKey? Exact)
{
    private const int TextLengthMax = 8 * 1024;
    private const string Url = "url";
    private const string Method = "method";
    private const string Body = "body";

    private static readonly CacheSelector Everything = new(null, null, null, null, null);

    private static readonly Problem NothingNamed = Problem.Of(400, "missing_field",
        "The body names nothing to forget: give project_id, provider, endpoint, model or url, or all for everything.");

    /// <summary>What the body asks for, or what is wrong with it.</summary>
    public static (Problem? Problem, CachePurge? Purge) Read(PurgeCache body, ProviderTable providers)
    {
        var isNarrowed = body.ProjectId is not null || body.Provider is not null || body.Endpoint is not null
            || body.Model is not null || body.Url is not null || body.Method is not null || body.Body is not null;
        return body switch
        {
            { All: true } when isNarrowed => (Problems.InvalidField("all", "stand alone"), null),
            { All: true } => (null, new CachePurge(Everything, null)),
            _ when !isNarrowed => (NothingNamed, null),
            { Url: { } url } => ReadRequest(body, url, providers),
            { Method: not null } or { Body: not null } => (Problems.MissingField(Url), null),
            _ => FaultOf(body, providers) is { } problem ? (problem, null) : (null, new CachePurge(
                new CacheSelector(body.ProjectId, body.Provider, body.Endpoint, body.Model, null), null)),
        };
    }

    private static Problem? FaultOf(PurgeCache body, ProviderTable providers) =>
        body.Provider is { } name && providers.All.All(provider => provider.Name != name)
            ? Problems.InvalidField("provider",
                $"be one of {string.Join(", ", providers.All.Select(static provider => provider.Name))}")
        : body.Endpoint is { } endpoint && !(endpoint.StartsWith('/') && endpoint.Length <= TextLengthMax)
            ? Problems.InvalidField("endpoint", $"begin with '/' and have at most {TextLengthMax} characters")
        : body.Model is { Length: 0 or > TextLengthMax }
            ? Problems.InvalidField("model", $"have from 1 to {TextLengthMax} characters")
        : null;

    private static (Problem? Problem, CachePurge? Purge) ReadRequest(
        PurgeCache body, string url, ProviderTable providers)
    {
        if (body.Provider is not null || body.Endpoint is not null || body.Model is not null)
        {
            return (Problems.InvalidField(Url, "not stand beside 'provider', 'endpoint' or 'model'"), null);
        }

        if (!RequestTarget.TryParse(url, out var target) || providers.Find(target) is not { } route)
        {
            return (Problems.InvalidField(Url, "be a path of a provider, with its query, as clients send it"), null);
        }

        var method = body.Method ?? "GET";
        if (method is not ("GET" or "HEAD" or "POST"))
        {
            return (Problems.InvalidField(Method, "be GET, HEAD or POST: answers to others are not stored"), null);
        }

        if (body.Body is not null && method != "POST")
        {
            return (Problems.InvalidField(Body, "stand beside the method POST only"), null);
        }

        var selector = new CacheSelector(
            body.ProjectId, route.Provider.Name, route.EndpointOf(target).ToString(), null, null);
        if (body.ProjectId is not { } project)
        {
            // A key holds the project, so without it no key can be told: all that is stored of the endpoint goes.
            return (null, new CachePurge(selector, null));
        }

        if (method == "POST" && body.Body is null)
        {
            return (Problems.MissingField(Body), null);
        }

        return DigestOf(body.Body, out var digest) is { } problem
            ? (problem, null)
            : (null, new CachePurge(selector, CacheKey.Of(
                project, route.Provider.Name, method == "POST" ? "POST" : "GET",
                target.RawPath[route.PrefixLength..], target.Query, digest)));
    }

    private static Problem? DigestOf(JsonElement? body, out Digest? digest)
    {
        digest = null;
        if (body is not { } given)
        {
            return null;
        }

        try
        {
            var text = given.ValueKind == JsonValueKind.String ? given.GetString()! : given.GetRawText();
            digest = Digest.Of(Encoding.UTF8.GetBytes(text));
            return null;
        }
        catch (InvalidOperationException)
        {
            return Problems.InvalidField(Body, "be valid Unicode");
        }
    }
}
