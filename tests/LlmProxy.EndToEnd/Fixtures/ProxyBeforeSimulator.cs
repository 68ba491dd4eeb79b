using System.ClientModel;
using OpenAI;

namespace LlmProxy.EndToEnd.Fixtures;

/// <summary>
/// A running proxy in front of the running simulator, with a token that works; one for each test class.
/// </summary>
public sealed class ProxyBeforeSimulator : IAsyncLifetime
{
    private readonly TempFolder _folder = new();

    internal ProxyProcess Proxy { get; private set; } = null!;

    internal Simulator Simulator { get; private set; } = null!;

    internal IssuedToken Token { get; private set; } = null!;

    /// <summary>The official client, told nothing but another base URL and another key.</summary>
    internal OpenAIClient OpenAI { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Simulator = await Simulator.StartAsync(_folder);
        Proxy = await ProxyProcess.StartAsync(_folder, new ProxySetup { Upstream = Simulator.Address });
        Token = await Proxy.Management.CreateTokenAsync();
        OpenAI = ClientOf(Proxy, Token.Secret);
    }

    /// <summary>A client as an app makes it; <paramref name="configure"/> may add to its options.</summary>
    internal static OpenAIClient ClientOf(
        ProxyProcess proxy, string secret, Action<OpenAIClientOptions>? configure = null)
    {
        var options = new OpenAIClientOptions { Endpoint = new Uri(proxy.Address, "/v1") };
        configure?.Invoke(options);
        return new OpenAIClient(new ApiKeyCredential(secret), options);
    }

    /// <summary>Also after a start that failed, whose message nothing must cover.</summary>
    public async ValueTask DisposeAsync()
    {
        await (Proxy?.DisposeAsync() ?? ValueTask.CompletedTask);
        await (Simulator?.DisposeAsync() ?? ValueTask.CompletedTask);
        _folder.Dispose();
    }
}
