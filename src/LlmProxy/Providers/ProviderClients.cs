using System.Collections.Frozen;

namespace LlmProxy.Providers;

/// <summary>One client a provider, made at start and kept until the end.</summary>
internal sealed class ProviderClients(ProviderTable providers, TimeProvider clock) : IDisposable
{
    private readonly FrozenDictionary<Provider, ProviderClient> _clients =
        providers.All.ToFrozenDictionary(
            static provider => provider, provider => new ProviderClient(provider, clock));

    public ProviderClient For(Provider provider) => _clients[provider];

    public void Dispose()
    {
        foreach (var client in _clients.Values)
        {
            client.Dispose();
        }
    }
}
