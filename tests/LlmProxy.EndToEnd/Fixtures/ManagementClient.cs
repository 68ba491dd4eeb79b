using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace LlmProxy.EndToEnd.Fixtures;

/// <summary>A token as management hands it out, the only time its secret is seen.</summary>
internal sealed record IssuedToken(string Id, string Secret, string ProjectId);

/// <summary>An answer of the management API.</summary>
internal sealed record ManagementAnswer(int Status, string Text)
{
    public JsonElement Json => JsonDocument.Parse(Text).RootElement;
}

/// <summary>Speaks the management API over HTTP, as any client would.</summary>
internal sealed class ManagementClient : IDisposable
{
    private readonly HttpClient _http;
    private int _projects;

    public ManagementClient(Uri address, string managementToken)
    {
        _http = new HttpClient(new SocketsHttpHandler()) { BaseAddress = address, Timeout = Eventually.Patience };
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", managementToken);
    }

    public async Task<string> CreateProjectAsync(string providerKey = "sk-provider-key-of-the-suite")
    {
        var name = $"project {Interlocked.Increment(ref _projects)}";
        var body = JsonSerializer.Serialize(new { name, api_key = providerKey });
        return (await ExpectAsync(201, "POST", "/manage/projects", body)).Json.GetProperty("id").GetString()!;
    }

    public async Task<IssuedToken> CreateTokenAsync(string projectId, int? maxRequests = null, int minutes = 60)
    {
        return await CreateTokenAsync(projectId, new TokenLimits { MaxRequests = maxRequests }, minutes);
    }

    public async Task<IssuedToken> CreateTokenAsync(string projectId, TokenLimits limits, int minutes = 60)
    {
        var body = limits.ToBody(("project_id", projectId), ("duration_minutes", minutes));
        return IssuedIn(await ExpectAsync(201, "POST", "/manage/tokens", body), projectId);
    }

    /// <summary>A token with limits, of a project of its own.</summary>
    public async Task<IssuedToken> CreateTokenAsync(TokenLimits limits) =>
        await CreateTokenAsync(await CreateProjectAsync(), limits);

    /// <summary>A token that ends so soon, of a project of its own.</summary>
    public async Task<IssuedToken> CreateExpiringTokenAsync(TimeSpan within, TokenLimits? limits = null)
    {
        var project = await CreateProjectAsync();
        var end = (TimeProvider.System.GetUtcNow() + within).ToString("O", CultureInfo.InvariantCulture);
        var body = (limits ?? new TokenLimits()).ToBody(("project_id", project), ("expires_at", end));
        return IssuedIn(await ExpectAsync(201, "POST", "/manage/tokens", body), project);
    }

    /// <summary>Changes a token; the body as it is.</summary>
    public Task ChangeTokenAsync(IssuedToken token, string body) =>
        ExpectAsync(200, "PATCH", $"/manage/tokens/{token.Id}", body);

    /// <summary>Sets limits of a project, which are a roof over its tokens.</summary>
    public Task LimitProjectAsync(string projectId, TokenLimits limits) =>
        ExpectAsync(200, "PATCH", $"/manage/projects/{projectId}", limits.ToBody());

    /// <summary>A token of a project of its own.</summary>
    public async Task<IssuedToken> CreateTokenAsync(int? maxRequests = null) =>
        await CreateTokenAsync(await CreateProjectAsync(), maxRequests);

    public Task RevokeAsync(IssuedToken token) => ExpectAsync(204, "DELETE", $"/manage/tokens/{token.Id}");

    public Task SwitchProjectAsync(string projectId, bool on) =>
        ExpectAsync(200, "PATCH", $"/manage/projects/{projectId}", JsonSerializer.Serialize(new { is_active = on }));

    public async Task<long> RequestCountAsync(IssuedToken token) =>
        (await ExpectAsync(200, "GET", $"/manage/tokens/{token.Id}")).Json.GetProperty("request_count").GetInt64();

    public async Task<ManagementAnswer> SendAsync(string method, string path, string? json = null)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        if (json is not null)
        {
            request.Content = new StringContent(json, Encoding.UTF8, "application/json");
        }

        using var answer = await _http.SendAsync(request, TestContext.Current.CancellationToken);
        var text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        return new ManagementAnswer((int)answer.StatusCode, text);
    }

    public void Dispose() => _http.Dispose();

    private static IssuedToken IssuedIn(ManagementAnswer answer, string projectId)
    {
        var token = answer.Json;
        return new IssuedToken(
            token.GetProperty("id").GetString()!, token.GetProperty("token").GetString()!, projectId);
    }

    private async Task<ManagementAnswer> ExpectAsync(int status, string method, string path, string? json = null)
    {
        var answer = await SendAsync(method, path, json);
        Assert.True(answer.Status == status, $"{method} {path} answered {answer.Status}: {answer.Text}");
        return answer;
    }
}
