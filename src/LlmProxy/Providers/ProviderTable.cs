using System.Collections.Frozen;
using LlmProxy.Http;

namespace LlmProxy.Providers;

/// <summary>Where a target leads.</summary>
/// <param name="Provider">Who serves it.</param>
/// <param name="PrefixLength">
/// How many characters of <see cref="RequestTarget.RawPath"/> name the provider and are not forwarded; 0 for the
/// default one.
/// </param>
/// <param name="EndpointIsAllowed">Whether what is forwarded is one of the provider's endpoints.</param>
internal readonly record struct ProviderRoute(Provider Provider, int PrefixLength, bool EndpointIsAllowed)
{
    /// <summary>The decoded path without the provider's name; empty when there is nothing behind it.</summary>
    public ReadOnlySpan<char> EndpointOf(in RequestTarget target)
    {
        var path = target.Path;
        if (PrefixLength == 0)
        {
            return path;
        }

        var slash = path[1..].IndexOf('/');
        return slash < 0 ? default : path[(slash + 1)..];
    }
}

/// <summary>
/// All providers: the default one at <c>/v1/*</c>, each one at <c>/&lt;name&gt;/*</c>. Names and endpoints are compared
/// with the decoded path by whole segments; the raw one is what is forwarded.
/// </summary>
internal sealed class ProviderTable
{
    private const string DefaultSegment = "v1";

    private readonly Provider _default;
    private readonly FrozenDictionary<string, Provider>.AlternateLookup<ReadOnlySpan<char>> _byName;

    public ProviderTable(IReadOnlyList<Provider> all, Provider byDefault)
    {
        All = all;
        _default = byDefault;
        _byName = all.ToFrozenDictionary(static provider => provider.Name, StringComparer.Ordinal)
            .GetAlternateLookup<ReadOnlySpan<char>>();
    }

    public IReadOnlyList<Provider> All { get; }

    public Provider Default => _default;

    /// <summary>Null when no provider is meant. Allocates nothing.</summary>
    public ProviderRoute? Find(in RequestTarget target)
    {
        var path = target.Path;
        var first = path[1..];
        var slash = first.IndexOf('/');
        first = slash < 0 ? first : first[..slash];
        if (first.SequenceEqual(DefaultSegment))
        {
            return new ProviderRoute(_default, 0, _default.Endpoints.Contains(path));
        }

        if (!_byName.TryGetValue(first, out var provider))
        {
            return null;
        }

        // The name may be longer in its raw form, but the slash behind it is never an encoded one.
        var prefixLength = slash < 0 ? target.RawPath.Length : target.RawPath[1..].IndexOf('/') + 1;
        var endpoint = slash < 0 ? default : path[(slash + 1)..];
        return new ProviderRoute(provider, prefixLength, provider.Endpoints.Contains(endpoint));
    }
}
