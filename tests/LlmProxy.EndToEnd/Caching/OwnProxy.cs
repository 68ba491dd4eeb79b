using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Caching;

/// <summary>A proxy with settings of a test's own, before an upstream of its own.</summary>
internal sealed class OwnProxy : IAsyncDisposable
{
    private readonly TempFolder _folder = new();

    public RawUpstream Upstream { get; } = new();

    public ProxyProcess Proxy { get; private set; } = null!;

    public IssuedToken Token { get; private set; } = null!;

    /// <summary>Starts it.</summary>
    /// <param name="provider">A further key of the provider in its file; empty for none.</param>
    /// <param name="settings">Environment variables.</param>
    public async Task StartAsync(string provider = "", params (string Name, string Value)[] settings)
    {
        Proxy = await ProxyProcess.StartAsync(_folder, new ProxySetup
        {
            ProviderYaml = ProviderYaml.For(Upstream.Address, [provider]),
            Settings = settings,
        });
        Token = await Proxy.Management.CreateTokenAsync();
    }

    public Task<RawAnswer> GetAsync(string target, params IEnumerable<string> lines) =>
        Proxy.GetAsync(target, Token.Secret, lines);

    public Task<RawAnswer> PostAsync(string target, string body, params IEnumerable<string> lines) =>
        Proxy.PostAsync(target, Token.Secret, body, lines);

    public async ValueTask DisposeAsync()
    {
        await (Proxy?.DisposeAsync() ?? ValueTask.CompletedTask);
        await Upstream.DisposeAsync();
        _folder.Dispose();
    }
}
