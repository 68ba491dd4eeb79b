using System.Net.Http.Headers;

namespace LlmProxy.EndToEnd.Fixtures;

/// <summary>
/// A proxy in front of a <see cref="RawUpstream"/>, with a token that works; one for each test class.
/// </summary>
public sealed class ProxyBeforeRawUpstream : IAsyncLifetime
{
    /// <summary>The project's key at the provider, which the upstream must see and nobody else.</summary>
    internal const string ProviderKey = "sk-the-providers-own-key-0123456789";

    private readonly TempFolder _folder = new();

    internal RawUpstream Upstream { get; } = new();

    internal ProxyProcess Proxy { get; private set; } = null!;

    internal HttpClient Http { get; private set; } = null!;

    internal IssuedToken Token { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        var setup = new ProxySetup { ProviderYaml = ProviderYaml.For(Upstream.Address) };
        Proxy = await ProxyProcess.StartAsync(_folder, setup);
        var project = await Proxy.Management.CreateProjectAsync(ProviderKey);
        Token = await Proxy.Management.CreateTokenAsync(project);
        Http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false })
        {
            BaseAddress = Proxy.Address,
            Timeout = Eventually.Patience,
        };
        Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Token.Secret);
    }

    /// <summary>What lives as long as this fixture, such as a connection that is to stay open.</summary>
    internal List<IAsyncDisposable> Disposables { get; } = [];

    internal string Authority => Proxy.Address.Authority;

    /// <summary>The head of a request with the token of this fixture.</summary>
    internal string Head(string method, string target, params IEnumerable<string> lines) =>
        Proxy.Head(method, target, Token.Secret, lines);

    internal Task<RawClient> ConnectAsync() => RawClient.ConnectAsync(Proxy.Address);

    /// <summary>Sends bytes on a connection of their own; null when it ends without an answer.</summary>
    internal Task<RawAnswer?> SendAsync(string request) => Proxy.AskAsync(request);

    internal Task<RawAnswer> GetAsync(string target, params IEnumerable<string> lines) =>
        Proxy.GetAsync(target, Token.Secret, lines);

    internal Task<RawAnswer> PostAsync(string target, string body, params IEnumerable<string> lines) =>
        Proxy.PostAsync(target, Token.Secret, body, lines);

    /// <summary>Also after a start that failed, whose message nothing must cover.</summary>
    public async ValueTask DisposeAsync()
    {
        Http?.Dispose();
        foreach (var disposable in Disposables)
        {
            await disposable.DisposeAsync();
        }

        await (Proxy?.DisposeAsync() ?? ValueTask.CompletedTask);
        await Upstream.DisposeAsync();
        _folder.Dispose();
    }
}
