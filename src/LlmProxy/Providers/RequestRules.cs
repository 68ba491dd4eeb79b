using System.Buffers;
using System.Collections.Frozen;
using LlmProxy.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;

namespace LlmProxy.Providers;

/// <summary>What one provider demands of a request, beyond a token. All refusals are made at start.</summary>
internal sealed class RequestRules
{
    private static readonly Refusal CannotJudgeUpgrade = Refusal.ParamNotAllowed with
    {
        Message = "This provider's parameters are restricted, and over an upgraded connection they cannot be judged.",
    };

    private readonly string[] _methods;
    private readonly Refusal _methodNotAllowed;
    private readonly RequiredHeader[] _requiredHeaders;
    private readonly FrozenSet<string> _origins;
    private readonly ParamRules _params;

    public RequestRules(
        IReadOnlyList<string> methods,
        IReadOnlyList<string> requiredHeaders,
        IReadOnlyList<string> origins,
        ParamRules paramRules)
    {
        _methods = [.. methods];
        Methods = string.Join(", ", methods);
        _methodNotAllowed = Refusal.MethodNotAllowed with { Allow = Methods };
        _requiredHeaders = [.. requiredHeaders.Select(static name => new RequiredHeader(name))];
        _origins = origins.ToFrozenSet(StringComparer.Ordinal);
        _params = paramRules;
    }

    /// <summary>The allowed methods as <c>Allow</c> and <c>Access-Control-Allow-Methods</c> list them.</summary>
    public string Methods { get; }

    /// <summary>Whether any web page is served; without a list none gets an answer that it may read.</summary>
    public bool HasOrigins => _origins.Count > 0;

    /// <summary>
    /// Judges everything but the body: endpoint, method, headers, origin. An Origin can be made up by anything that is
    /// no browser, so the list protects browsers' users and authenticates nobody.
    /// </summary>
    public Refusal? JudgeHead(HttpRequest request, in ProviderRoute route)
    {
        if (!route.EndpointIsAllowed)
        {
            return Refusal.UnknownEndpoint;
        }

        if (!_methods.AsSpan().Contains(request.Method))
        {
            return _methodNotAllowed;
        }

        foreach (var required in _requiredHeaders)
        {
            if (StringValues.IsNullOrEmpty(request.Headers[required.Name]))
            {
                return required.Missing;
            }
        }

        if (HasOrigins && request.Headers.Origin is { Count: > 0 } origin && !AllowsOrigin(origin))
        {
            return Refusal.OriginNotAllowed;
        }

        return !_params.IsEmpty && IsUpgrade(request.HttpContext) ? CannotJudgeUpgrade : null;
    }

    /// <summary>Whether a rule needs to see the body. The method does not matter: the provider may read it.</summary>
    public bool MustReadBody(HttpRequest request) =>
        !_params.IsEmpty && (request.ContentLength is > 0 || request.Headers.TransferEncoding.Count > 0);

    /// <summary>Judges a body for which <see cref="MustReadBody"/> said yes, once all of it is there.</summary>
    public Refusal? JudgeBody(HttpRequest request, ReadOnlySequence<byte> body) => _params.Judge(request, body);

    /// <summary>One Origin, equal to an entry of the list character by character.</summary>
    public bool AllowsOrigin(StringValues origin) =>
        origin.Count == 1 && origin[0] is { } only && _origins.Contains(only);

    private static bool IsUpgrade(HttpContext http) =>
        http.Features.Get<IHttpUpgradeFeature>() is { IsUpgradableRequest: true };

    private sealed class RequiredHeader(string name)
    {
        public string Name => name;

        public Refusal Missing { get; } = name.Equals("origin", StringComparison.OrdinalIgnoreCase)
            ? Refusal.OriginRequired with { Param = name }
            : Refusal.HeaderRequired with { Param = name, Message = $"The header '{name}' is required." };
    }
}
