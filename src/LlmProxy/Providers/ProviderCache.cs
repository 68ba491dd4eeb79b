using System.Buffers;

namespace LlmProxy.Providers;

/// <summary>What the provider file says about keeping answers; without it only what an answer itself allows is kept.</summary>
/// <param name="defaultTtlEndpoints">
/// Where an answer that does not say how long it is fresh gets the default time.
/// </param>
/// <param name="postRules">Which answers to a POST are kept without the client's asking, the first that fits.</param>
internal sealed class ProviderCache(EndpointList defaultTtlEndpoints, IReadOnlyList<CachePostRule> postRules)
{
    public static readonly ProviderCache None = new(new EndpointList([]), []);

    public EndpointList DefaultTtlEndpoints => defaultTtlEndpoints;

    public IReadOnlyList<CachePostRule> PostRules => postRules;
}

/// <summary>Answers to a POST that are kept without the client's asking.</summary>
/// <param name="endpoints">Where.</param>
/// <param name="ttl">How long they are fresh: 1 s to 30 days.</param>
/// <param name="conditions">What the body must hold, all of it; at most <see cref="ConditionsMax"/>.</param>
internal sealed class CachePostRule(EndpointList endpoints, TimeSpan ttl, IReadOnlyList<BodyCondition> conditions)
{
    /// <summary>As many as the bits that say which were met.</summary>
    public const int ConditionsMax = 32;

    public TimeSpan Ttl => ttl;

    public EndpointList Endpoints => endpoints;

    public IReadOnlyList<BodyCondition> Conditions => conditions;

    /// <summary>Whether the decoded path behind the provider's name is one of the rule's endpoints.</summary>
    public bool Matches(ReadOnlySpan<char> endpoint) => endpoints.Contains(endpoint);

    /// <summary>
    /// Whether the body meets every condition. What cannot be read in exactly one way (no JSON object, a member that is
    /// asked for twice) does not. Without a condition any body does, JSON or not.
    /// </summary>
    public bool AllowsBody(in ReadOnlySequence<byte> body) => BodyCondition.AreMet(conditions, body);
}
