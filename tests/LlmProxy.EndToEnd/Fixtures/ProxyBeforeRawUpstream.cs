using System.Globalization;
using System.Net.Http.Headers;

namespace LlmProxy.EndToEnd.Fixtures;

/// <summary>A running proxy in front of a <see cref="RawUpstream"/>, with a token that works; one for each test class.</summary>
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
        Proxy = await ProxyProcess.StartAsync(_folder, new ProxySetup { ProviderYaml = ProviderYaml.For(Upstream.Address) });
        var project = await Proxy.Management.CreateProjectAsync(ProviderKey);
        Token = await Proxy.Management.CreateTokenAsync(project);
        Http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false })
        {
            BaseAddress = Proxy.Address,
            Timeout = Eventually.Patience,
        };
        Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Token.Secret);
    }

    /// <summary>A request head that is right in every respect, with the given lines after it and its closing empty line.</summary>
    internal string Head(string method, string target, params IEnumerable<string> lines) =>
        $"{method} {target} HTTP/1.1\r\nHost: {Authority}\r\nAuthorization: Bearer {Token.Secret}\r\n"
        + string.Concat(lines.Select(static line => line + "\r\n")) + "\r\n";

    internal string Authority => Proxy.Address.Authority;

    internal Task<RawClient> ConnectAsync() => RawClient.ConnectAsync(Proxy.Address);

    /// <summary>Sends bytes on a connection of their own and answers with what came back first.</summary>
    internal async Task<RawAnswer?> SendAsync(string request, string method = "GET")
    {
        await using var client = await ConnectAsync();
        await client.TrySendAsync(request);
        return await client.ReadAnswerAsync(method);
    }

    /// <summary>A plain GET of a path.</summary>
    internal async Task<RawAnswer> GetAsync(string target, params IEnumerable<string> lines)
    {
        var answer = await SendAsync(Head("GET", target, lines));
        Assert.NotNull(answer);
        return answer;
    }

    /// <summary>A POST with the body as it is.</summary>
    internal Task<RawAnswer?> PostAsync(string target, string body, params IEnumerable<string> lines)
    {
        var length = body.Length.ToString(CultureInfo.InvariantCulture);
        return SendAsync(Head("POST", target, [$"Content-Length: {length}", .. lines]) + body, "POST");
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await Proxy.DisposeAsync();
        await Upstream.DisposeAsync();
        _folder.Dispose();
    }
}
