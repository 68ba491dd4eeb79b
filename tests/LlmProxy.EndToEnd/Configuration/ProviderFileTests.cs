using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Configuration;

/// <summary>Every key of the provider file does what it says, seen from both ends of the proxy.</summary>
public sealed class ProviderFileTests : IAsyncLifetime
{
    private const string Ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    private const string Json = "Content-Type: application/json";
    private const string Origin = "https://app.example.test";

    private static readonly string[] Known =
    [
        "/v1/models", "/v1/%6dodels", "/v1/files/file-1", "/v1/files/file-1/content", "/v1/threads/t1/messages",
    ];

    private readonly TempFolder _folder = new();
    private readonly RawUpstream _upstream = new();
    private ProxyProcess _proxy = null!;
    private IssuedToken _token = null!;

    public async ValueTask InitializeAsync()
    {
        var upstream = _upstream.Address.GetLeftPart(UriPartial.Authority);
        _proxy = await ProxyProcess.StartAsync(_folder, new ProxySetup
        {
            ProviderYaml =
                $$"""
                default_api: openai
                apis:
                  openai:
                    base_url: {{upstream}}
                    allowed_endpoints: [/v1/models, /v1/files/*, /v1/threads/*/messages]
                    allowed_methods: [GET, POST]
                  judged:
                    base_url: {{upstream}}/judged
                    allowed_endpoints: [/v1/chat]
                    allowed_methods: [GET, POST]
                    param_whitelist: { model: [gpt-4o, gpt-4o-*], n: [1, 2] }
                  paged:
                    base_url: {{upstream}}/paged
                    allowed_endpoints: [/v1/chat]
                    allowed_methods: [POST]
                    allowed_origins: [{{Origin}}, "http://localhost:5173"]
                  strict:
                    base_url: {{upstream}}/strict
                    allowed_endpoints: [/v1/chat]
                    allowed_methods: [POST]
                    required_headers: [X-Tenant, Origin]
                  anthropic:
                    base_url: {{upstream}}/gateway/llm
                    auth: { header: x-api-key }
                    allowed_endpoints: [/v1/messages]
                    allowed_methods: [POST]

                """,
        });
        var project = await _proxy.Management.CreateProjectAsync(ProxyBeforeRawUpstream.ProviderKey);
        _token = await _proxy.Management.CreateTokenAsync(project);
    }

    public async ValueTask DisposeAsync()
    {
        await _proxy.DisposeAsync();
        await _upstream.DisposeAsync();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("/v1/models", 200)]
    [InlineData("/openai/v1/models", 200)]
    [InlineData("/v1/models/gpt-4o", 404)]
    [InlineData("/v1/modelsx", 404)]
    [InlineData("/v1/files/file-1", 200)]
    [InlineData("/v1/files/file-1/content", 200)]
    [InlineData("/v1/files", 404)]
    [InlineData("/v1/threads/t1/messages", 200)]
    [InlineData("/v1/threads/t1/runs", 404)]
    [InlineData("/v1/threads/t1/t2/messages", 404)]
    [InlineData("/v1/%6dodels", 200)]
    [InlineData("/nobody/v1/models", 404)]
    [InlineData("/anthropic/v1/models", 404)]
    public async Task Endpoints_are_matched_by_whole_segments(string path, int status)
    {
        foreach (var known in Known)
        {
            _upstream.DoesAt(known, static exchange => exchange.WriteAsync(Ok));
        }

        var answer = await _proxy.GetAsync(path, _token.Secret);

        Assert.Equal(status, answer.Status);
        Assert.Empty(_upstream.TakeStrangers());
    }

    [Fact]
    public async Task A_method_that_is_not_listed_is_a_405_that_names_those_that_are()
    {
        var answer = (await _proxy.AskAsync(_proxy.Head("DELETE", "/v1/models", _token.Secret)))!;

        Assert.Equal(405, answer.Status);
        Assert.Equal("GET, POST", answer.Head.Value("Allow"));
        Assert.Empty(_upstream.TakeStrangers());
    }

    [Fact]
    public async Task A_named_provider_is_reached_below_its_base_url_with_its_own_kind_of_credential()
    {
        var route = _upstream.DoesAt("/gateway/llm/v1/messages", static exchange => exchange.WriteAsync(Ok));

        var answer = await PostAsync("/anthropic/v1/messages?beta=true", "{}", Json, "anthropic-version: 2023-06-01");

        Assert.Equal(200, answer.Status);
        Assert.Equal("POST /gateway/llm/v1/messages?beta=true HTTP/1.1", route.Request.Head.FirstLine);
        Assert.Equal(ProxyBeforeRawUpstream.ProviderKey, route.Request.Head.Value("x-api-key"));
        Assert.False(route.Request.Head.Has("Authorization"));
        Assert.Equal("2023-06-01", route.Request.Head.Value("anthropic-version"));
    }

    [Fact]
    public async Task A_client_of_such_a_provider_may_send_its_token_where_it_sends_its_keys()
    {
        var route = _upstream.DoesAt("/gateway/llm/v1/messages", static exchange => exchange.WriteAsync(Ok));

        var answer = await _proxy.AskAsync(
            $"POST /anthropic/v1/messages HTTP/1.1\r\nHost: {_proxy.Address.Authority}\r\n"
            + $"X-Api-Key: {_token.Secret}\r\nContent-Length: 0\r\n\r\n");

        Assert.Equal(200, answer?.Status);
        Assert.Equal(ProxyBeforeRawUpstream.ProviderKey, route.Request.Head.Value("x-api-key"));
    }

    [Theory]
    [InlineData("""{"model":"gpt-4o"}""")]
    [InlineData(""" { "n" : 1 , "model" : "gpt-4o-mini", "messages":[{"model":"other"}] } """)]
    [InlineData("""{"mod\u0065l":"gpt-4o"}""")]
    [InlineData("""{"messages":[]}""")]
    public async Task A_body_with_allowed_values_passes_as_it_is(string body)
    {
        var route = _upstream.DoesAt("/judged/v1/chat", static async exchange =>
        {
            await exchange.ReadBodyAsync();
            await exchange.WriteAsync(Ok);
        });

        var answer = await PostAsync("/judged/v1/chat", body, Json);

        Assert.Equal(200, answer.Status);
        Assert.Equal(body, (await route.Request.Body).Text);
    }

    [Theory]
    [InlineData("""{"model":"gpt-5"}""", 400, "param_not_allowed")]
    [InlineData("""{"Model":"gpt-5"}""", 400, "param_not_allowed")]
    [InlineData("""{"m\u006fdel":"gpt-5"}""", 400, "param_not_allowed")]
    [InlineData("""{"model":"gpt-4o","n":3}""", 400, "param_not_allowed")]
    [InlineData("""{"model":["gpt-4o"]}""", 400, "param_not_allowed")]
    [InlineData("""{"model":null}""", 400, "param_not_allowed")]
    [InlineData("""{"model":"gpt-4o","model":"gpt-5"}""", 400, "invalid_body")]
    [InlineData("""{"model":"gpt-4o","mod\u0065l":"gpt-5"}""", 400, "invalid_body")]
    [InlineData("""{"model":"gpt-4o"} {"model":"gpt-5"}""", 400, "invalid_body")]
    [InlineData("""[{"model":"gpt-5"}]""", 400, "invalid_body")]
    [InlineData("""{"model":"gpt-4o",}""", 400, "invalid_body")]
    [InlineData("""{"model":"gpt-4o" /* comment */}""", 400, "invalid_body")]
    [InlineData("model=gpt-5", 400, "invalid_body")]
    public async Task A_body_that_a_rule_forbids_or_cannot_judge_goes_nowhere(string body, int status, string code)
    {
        var answer = await PostAsync("/judged/v1/chat", body, Json);

        Assert.Equal(status, answer.Status);
        Assert.Contains($"\"{code}\"", answer.Body.Text, StringComparison.Ordinal);
        Assert.Empty(_upstream.TakeStrangers());
    }

    [Theory]
    [InlineData("Content-Type: text/plain")]
    [InlineData("Content-Type: multipart/form-data; boundary=x")]
    [InlineData("Content-Type: application/json\r\nContent-Encoding: gzip")]
    [InlineData("X-No-Type: 1")]
    public async Task A_body_in_a_form_that_cannot_be_judged_goes_nowhere(string lines)
    {
        var answer = await PostAsync("/judged/v1/chat", """{"model":"gpt-4o"}""", lines);

        Assert.Equal(415, answer.Status);
        Assert.Empty(_upstream.TakeStrangers());
    }

    [Theory]
    [InlineData("X-Tenant: a", "Origin")]
    [InlineData("Origin: https://any.test", "X-Tenant")]
    [InlineData("X-Tenant:\r\nOrigin: https://any.test", "X-Tenant")]
    public async Task A_required_header_that_is_missing_is_a_400_that_names_it(string lines, string missing)
    {
        var answer = await PostAsync("/strict/v1/chat", "{}", lines);

        Assert.Equal(400, answer.Status);
        Assert.Contains(missing, answer.Body.Text, StringComparison.OrdinalIgnoreCase);
        Assert.Empty(_upstream.TakeStrangers());
    }

    [Theory]
    [InlineData(Origin, 200)]
    [InlineData("http://localhost:5173", 200)]
    [InlineData("null", 403)]
    [InlineData("https://app.example.test.evil.test", 403)]
    [InlineData("https://evil-app.example.test", 403)]
    [InlineData("http://app.example.test", 403)]
    [InlineData("https://app.example.test:8443", 403)]
    [InlineData("https://app.example.test.", 403)]
    [InlineData("https://APP.example.test", 403)]
    [InlineData("https://app.example.test, https://evil.test", 403)]
    [InlineData("http://localhost:5174", 403)]
    public async Task A_page_is_served_only_from_an_origin_that_is_listed(string origin, int status)
    {
        _upstream.DoesAt("/paged/v1/chat", static exchange => exchange.WriteAsync(
            "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nVary: Accept\r\nContent-Length: 2\r\n\r\nok"));

        var answer = await PostAsync("/paged/v1/chat", "{}", $"Origin: {origin}");
        var preflight = await PreflightAsync("/paged/v1/chat", origin);

        Assert.Equal(status, answer.Status);
        Assert.Equal(status == 200 ? origin : null, answer.Head.Value("Access-Control-Allow-Origin"));
        Assert.Equal(status == 200 ? 204 : 403, preflight.Status);
        Assert.Equal(status == 200 ? origin : null, preflight.Head.Value("Access-Control-Allow-Origin"));
        Assert.Contains("Origin", string.Join(',', answer.Head.Values("Vary")), StringComparison.Ordinal);
        Assert.Contains("Origin", string.Join(',', preflight.Head.Values("Vary")), StringComparison.Ordinal);
        Assert.False(answer.Head.Has("Access-Control-Allow-Credentials"));
    }

    [Fact]
    public async Task A_preflight_never_reaches_the_upstream_and_says_what_is_allowed()
    {
        var preflight = await PreflightAsync("/paged/v1/chat", Origin);

        Assert.Equal("POST", preflight.Head.Value("Access-Control-Allow-Methods"));
        Assert.Equal("authorization, content-type", preflight.Head.Value("Access-Control-Allow-Headers"));
        Assert.Empty(_upstream.TakeStrangers());
    }

    [Fact]
    public async Task Without_a_list_no_page_is_let_in_and_the_upstreams_own_permission_is_dropped()
    {
        _upstream.DoesAt("/v1/models", static exchange => exchange.WriteAsync(
            "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nContent-Length: 2\r\n\r\nok"));

        var answer = await _proxy.GetAsync("/v1/models", _token.Secret, $"Origin: {Origin}");

        Assert.Equal(200, answer.Status);
        Assert.False(answer.Head.Has("Access-Control-Allow-Origin"));
    }

    private Task<RawAnswer> PostAsync(string target, string body, params IEnumerable<string> lines) =>
        _proxy.PostAsync(target, _token.Secret, body, lines);

    private async Task<RawAnswer> PreflightAsync(string target, string origin)
    {
        var answer = await _proxy.AskAsync(
            $"OPTIONS {target} HTTP/1.1\r\nHost: {_proxy.Address.Authority}\r\nOrigin: {origin}\r\n"
            + "Access-Control-Request-Method: POST\r\n"
            + "Access-Control-Request-Headers: authorization, content-type\r\n\r\n");
        Assert.NotNull(answer);
        return answer;
    }
}
