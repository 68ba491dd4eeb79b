using System.Security.Cryptography;
using System.Text;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Secrecy;

/// <summary>
/// Secrets are planted, everything that can go wrong is made to go wrong, and then they are looked for.
/// </summary>
public sealed class CanaryTests
{
    private const string ProviderKey = "sk-canary/provider+key=0123456789abcdef";
    private const string ManagementToken = "canary-management-token-0123456789";
    private static readonly string MasterKey = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));

    [Theory]
    [InlineData("plain")]
    [InlineData("upper case")]
    [InlineData("UTF-16")]
    [InlineData("UTF-16 big-endian")]
    [InlineData("hexadecimal")]
    [InlineData("upper-case hexadecimal")]
    [InlineData("URL-encoded")]
    [InlineData("JSON")]
    [InlineData("base64 at 0")]
    [InlineData("base64 at 1")]
    [InlineData("base64 at 2")]
    public void The_hunt_finds_a_secret_that_was_planted(string form)
    {
        var planted = SecretHunt.FormsOf(ProviderKey).Single(candidate => candidate.Form == form).Needle;
        byte[] haystack = [.. "before "u8, .. planted, .. " after"u8];

        Assert.Contains(SecretHunt.FormsIn(haystack, ProviderKey), found => found == form);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void The_hunt_finds_a_secret_inside_of_base64(int before)
    {
        var text = Convert.ToBase64String(Encoding.UTF8.GetBytes(new string('{', before) + ProviderKey + "}}"));

        Assert.NotEmpty(SecretHunt.FormsIn(Encoding.ASCII.GetBytes(text), ProviderKey));
    }

    [Fact]
    public async Task No_secret_is_left_in_anything_that_the_proxy_says_or_writes()
    {
        using var folder = new TempFolder();
        await using var upstream = new RawUpstream();
        var log = folder.File("llm-proxy.log");
        var setup = new ProxySetup
        {
            ProviderYaml = ProviderYaml.For(upstream.Address, "timeouts: { response_header: 300ms }"),
            Settings =
            [
                ("MANAGEMENT_TOKEN", ManagementToken), ("ENCRYPTION_KEY", MasterKey),
                ("LOG_LEVEL", "trace"), ("LOG_FILE", log),
            ],
        };

        await using var proxy = await ProxyProcess.StartAsync(folder, setup);
        var scene = new Scene(proxy, upstream);
        await scene.PlayAsync();
        var whileRunning = await ArtefactsAsync(folder);
        var ended = await proxy.StopAsync();

        string[] secrets = [ProviderKey, ManagementToken, MasterKey, .. scene.Secrets];
        (string Name, byte[] Content)[] artefacts =
        [
            .. whileRunning,
            .. await ArtefactsAsync(folder),
            ("standard output", Encoding.UTF8.GetBytes(ended.Output)),
            ("standard error", Encoding.UTF8.GetBytes(ended.Errors)),
            ("answers", Encoding.UTF8.GetBytes(scene.Answers)),
        ];
        var leaks = (from artefact in artefacts
                     from secret in secrets
                     from form in SecretHunt.FormsIn(artefact.Content, secret)
                     select $"{secret[..8]}… as {form} in {artefact.Name}").ToList();
        Assert.True(leaks.Count == 0, string.Join('\n', leaks));
        Assert.Contains(artefacts, artefact => artefact.Name == folder.File("llm-proxy.db"));
        Assert.Contains(artefacts, artefact => artefact.Name == log && artefact.Content.Length > 0);
    }

    [Fact]
    public async Task Nobody_else_may_read_what_the_proxy_keeps()
    {
        using var folder = new TempFolder();
        await using var upstream = new RawUpstream();
        var yaml = ProviderYaml.For(upstream.Address);
        await using var proxy = await ProxyProcess.StartAsync(
            folder, new ProxySetup { ProviderYaml = yaml, Settings = [("LOG_FILE", folder.File("own.log"))] });
        await proxy.Management.CreateTokenAsync();

        var readable = Directory.EnumerateFiles(folder.Path)
            .Where(static file => !file.EndsWith(".yaml", StringComparison.Ordinal))
            .Where(static file => File.GetUnixFileMode(file) != (UnixFileMode.UserRead | UnixFileMode.UserWrite));

        Assert.Empty(readable);
    }

    private static async Task<List<(string Name, byte[] Content)>> ArtefactsAsync(TempFolder folder)
    {
        var artefacts = new List<(string, byte[])>();
        foreach (var file in Directory.EnumerateFiles(folder.Path, "*", SearchOption.AllDirectories))
        {
            artefacts.Add((file, await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken)));
        }

        return artefacts;
    }

    /// <summary>Plays through what users, their mistakes and broken upstreams do, and keeps every answer.</summary>
    private sealed class Scene(ProxyProcess proxy, RawUpstream upstream)
    {
        private readonly StringBuilder _answers = new();

        public List<string> Secrets { get; } = [];

        /// <summary>All answers but those whose purpose is to show a new token.</summary>
        public string Answers => _answers.ToString();

        public async Task PlayAsync()
        {
            using var management = new ManagementClient(proxy.Address, ManagementToken);
            var project = await management.CreateProjectAsync(ProviderKey);
            var token = await management.CreateTokenAsync(project);
            var small = await management.CreateTokenAsync(project, maxRequests: 1);
            var revoked = await management.CreateTokenAsync(project);
            await management.RevokeAsync(revoked);
            Secrets.AddRange([token.Secret, small.Secret, revoked.Secret]);

            await UseProxyAsync(token, small, revoked);
            await MisuseManagementAsync(management, project, token);
        }

        private async Task UseProxyAsync(IssuedToken token, IssuedToken small, IssuedToken revoked)
        {
            var good = upstream.Answers("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            var silent = upstream.Does(static exchange => exchange.WaitUntilGoneAsync());
            var broken = upstream.AnswersAndCloses("garbage\r\n\r\n");
            var truncated = upstream.AnswersAndCloses("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort");
            string[] secrets = [token.Secret, small.Secret, small.Secret, revoked.Secret, token.Secret + "x"];
            foreach (var secret in secrets)
            {
                await SendAsync("GET", good.Path, secret);
                await SendAsync("GET", $"{good.Path}?key={secret}", secret);
                await SendAsync("GET", $"/v2/{secret}", secret);
                await SendAsync("GET", $"/v1/models/%6c{secret[1..]}", secret);
                await SendAsync("GET", $"/v1/%2e%2e/{secret}", secret);
                await SendAsync("POST", silent.Path, secret);
                await SendAsync("POST", broken.Path, secret);
                await SendAsync("POST", truncated.Path, secret);
                await SendAsync("TRACE", good.Path, secret);
            }
        }

        private async Task MisuseManagementAsync(ManagementClient management, string project, IssuedToken token)
        {
            (string Method, string Path, string? Json)[] requests =
            [
                ("GET", "/manage/projects", null),
                ("GET", $"/manage/projects/{project}", null),
                ("PATCH", $"/manage/projects/{project}", $$"""{"api_key":"{{ProviderKey}}"}"""),
                ("PATCH", $"/manage/projects/{project}", $$"""{"api_keyy":"{{ProviderKey}}"}"""),
                ("PATCH", $"/manage/projects/{project}", $$"""{"api_key":["{{ProviderKey}}"]}"""),
                ("PATCH", $"/manage/projects/{project}", $$"""{"api_key":"{{ProviderKey}}\r\nX: 1"}"""),
                ("POST", "/manage/projects", $$"""{"name":"project 1","api_key":"{{ProviderKey}}"}"""),
                ("POST", "/manage/projects", $$"""{"name":"x","api_key":"{{ProviderKey}}" """),
                ("GET", "/manage/tokens", null),
                ("GET", $"/manage/tokens/{token.Id}", null),
                ("GET", $"/manage/tokens/{token.Secret}", null),
                ("GET", $"/manage/tokens?projectId={token.Secret}", null),
                ("GET", $"/manage/tokens?cursor={token.Secret}", null),
                ("GET", $"/manage/nothing/{token.Secret}", null),
                ("DELETE", $"/manage/tokens/{token.Secret}", null),
            ];
            foreach (var (method, path, json) in requests)
            {
                _answers.AppendLine((await management.SendAsync(method, path, json)).Text);
            }

            using var stranger = new ManagementClient(proxy.Address, token.Secret);
            _answers.AppendLine((await stranger.SendAsync("GET", "/manage/projects")).Text);
        }

        private async Task SendAsync(string method, string target, string secret)
        {
            string[] ids = [secret, ManagementToken];
            foreach (var id in ids)
            {
                var head = proxy.Head(method, target, secret, "Content-Length: 0", "X-Request-ID: " + id);
                var answer = await proxy.AskAsync(head);
                _answers.Append(answer?.Head.Text).Append(answer?.Body.Text).Append('\n');
            }
        }
    }
}
