using CsCheck;
using LlmProxy.Providers;
using LlmProxy.Secrets;
using Xunit;

namespace LlmProxy.Tests.Providers;

public sealed class ProviderFileTests
{
    private const string Head = "apis:\n  some:\n    base_url: https://api.some.test\n";
    private const string Lists = "    allowed_endpoints: [/v1/x]\n    allowed_methods: [GET]\n";

    [Fact]
    public void Every_key_of_the_form_is_read()
    {
        var file = Given.File("""
            default_api: gateway
            apis:
              gateway:
                base_url: https://gateway.test:8443/openai/
                auth: {header: api-key}
                allowed_endpoints:
                  - /v1/chat/completions
                  - /v1/models/*
                allowed_methods: [get, Post, OPTIONS]
                param_whitelist:
                  model: [gpt-5, gpt-5-*]
                  n: [1]
                allowed_origins: ["https://app.example.com"]
                required_headers: [origin, X-Tenant]
                timeouts:
                  request: 1m30s
                  response_header: 45s
                  idle_connection: 20s
                  flush_interval: 10ms
                  stream_idle: 500ms
                connection:
                  max_idle_conns: 100
                  max_idle_conns_per_host: 20
            """);

        var provider = Assert.Single(file.Providers);
        Assert.Equal(("gateway", "gateway"), (file.DefaultName, provider.Name));
        Assert.Equal(("https://gateway.test:8443", "/openai"), (provider.Origin, provider.BasePath));
        Assert.Equal("GET, POST", provider.Rules.Methods);
        Assert.Equal(["/v1/chat/completions", "/v1/models/*"], provider.Endpoints.Patterns);
        Assert.True(provider.Rules.AllowsOrigin("https://app.example.com"));
        Assert.Equal(
            new ProviderTimeouts(Seconds(5), Seconds(90), Seconds(45), Seconds(20), Seconds(0.5)), provider.Timeouts);
        Assert.Equal(20, provider.Connection.IdleConnectionsMax);
    }

    [Fact]
    public void What_is_left_out_has_a_default()
    {
        var provider = Given.Provider("timeouts:\nparam_whitelist: ~\nallowed_origins: null");

        Assert.Equal(new ProviderTimeouts(
            Seconds(5), Seconds(600), Seconds(120), Seconds(90), Seconds(120)), provider.Timeouts);
        Assert.Equal(1000, provider.Connection.IdleConnectionsMax);
        Assert.True(provider.Auth.IsBearer);
        Assert.False(provider.Rules.HasOrigins);
    }

    [Theory]
    [InlineData("", true, "Authorization", "Bearer sk-1")]
    [InlineData("auth: bearer", true, "Authorization", "Bearer sk-1")]
    [InlineData("auth: {header: x-api-key}", false, "x-api-key", "sk-1")]
    public void The_key_goes_where_auth_says(string lines, bool isBearer, string header, string value)
    {
        var auth = Given.Provider(lines).Auth;

        Assert.Equal((isBearer, header, value), (auth.IsBearer, auth.HeaderName, auth.ValueFor(new Secret("sk-1"))));
    }

    [Theory]
    [InlineData("connection: {max_idle_conns: 0, max_idle_conns_per_host: 0}", int.MaxValue)]
    [InlineData("connection: {max_idle_conns: 0, max_idle_conns_per_host: 7}", 7)]
    [InlineData("connection: {max_idle_conns: 7}", 7)]
    public void The_smaller_bound_of_idle_connections_counts_and_zero_is_none(string lines, int bound)
    {
        Assert.Equal(bound, Given.Provider(lines).Connection.IdleConnectionsMax);
    }

    [Fact]
    public void REQUEST_TIMEOUT_bounds_the_wait_for_headers()
    {
        var overrides = new ProviderOverrides(null, AllowHttp: false, Seconds(5));

        var file = Given.File(Given.FileWith("timeouts: {response_header: 1h}"), overrides);

        Assert.Equal(Seconds(5), file.Providers[0].Timeouts.ResponseHeader);
    }

    [Fact]
    public void An_alias_repeats_what_its_anchor_has()
    {
        var file = Given.File(Head + "    allowed_endpoints: &e [/v1/x]\n    allowed_methods: [GET]\n"
            + "  other:\n    base_url: https://other.test\n    allowed_endpoints: *e\n    allowed_methods: [GET]\n");

        Assert.Equal(["/v1/x"], file.Providers[1].Endpoints.Patterns);
    }

    [Theory]
    [InlineData("base_urll: x", "6:5: apis.some.base_urll is not a setting")]
    [InlineData("timeouts: {reqest: 1s}", "6:16: apis.some.timeouts.reqest is not a setting; known here are")]
    [InlineData("connection: {max: 1}", "6:18: apis.some.connection.max is not a setting")]
    [InlineData("timeouts: 30s", "6:15: apis.some.timeouts must be a map")]
    [InlineData("timeouts: {request: 30}", "6:25: apis.some.timeouts.request must be a duration from 10ms to 1d")]
    [InlineData("timeouts: {request: 0}", "apis.some.timeouts.request must be a duration")]
    [InlineData("timeouts: {request: -1s}", "apis.some.timeouts.request must be a duration")]
    [InlineData("timeouts: {request: [1s]}", "apis.some.timeouts.request must be a single value")]
    [InlineData("timeouts: {response_header: 48h}", "apis.some.timeouts.response_header must be a duration")]
    [InlineData("timeouts: {flush_interval: often}", "apis.some.timeouts.flush_interval must be a duration")]
    [InlineData("connection: {max_idle_conns: many}", "apis.some.connection.max_idle_conns must be a whole number")]
    [InlineData("connection: {max_idle_conns: -1}", "apis.some.connection.max_idle_conns must be a whole number")]
    [InlineData("auth: query", "6:11: apis.some.auth cannot be 'query': a key in a URL")]
    [InlineData("auth: {query: key}", "apis.some.auth cannot be 'query'")]
    [InlineData("auth: basic", "apis.some.auth must be 'bearer' or {header: name-of-the-header}")]
    [InlineData("auth: {header: x-api-key, also: y}", "apis.some.auth must be 'bearer'")]
    [InlineData("auth: {header: 'x api key'}", "6:20: apis.some.auth.header cannot be 'x api key'")]
    [InlineData("auth: {header: Host}", "apis.some.auth.header cannot be 'Host'")]
    [InlineData("required_headers: origin", "6:23: apis.some.required_headers must be a list")]
    [InlineData("required_headers: ['X Tenant']", "required_headers has 'X Tenant', which is not a header name")]
    [InlineData("required_headers: [[a]]", "apis.some.required_headers must hold single values only")]
    [InlineData("required_headers: [~]", "apis.some.required_headers must hold single values only")]
    [InlineData("allowed_origins: ['*']", "which is not supported: every origin is listed")]
    [InlineData("allowed_origins: ['null']", "which is what pages without an origin send")]
    [InlineData("allowed_origins: [app.example.com]", "which must be scheme://host")]
    [InlineData("allowed_origins: ['https://']", "which must be scheme://host")]
    [InlineData("allowed_origins: ['https://app.example.com/']", "without a path or a closing slash")]
    [InlineData("allowed_origins: ['https://*.example.com']", "without a path or a closing slash")]
    [InlineData("allowed_origins: ['https://App.example.com']", "has a capital letter")]
    [InlineData("allowed_origins: ['https://app.example.com:443']", "names the scheme's own port")]
    [InlineData("allowed_origins: ['http://app.example.com:80']", "names the scheme's own port")]
    [InlineData("param_whitelist: [model]", "apis.some.param_whitelist must be a map")]
    [InlineData("param_whitelist: {model: []}", "apis.some.param_whitelist.model must list at least one pattern")]
    [InlineData("param_whitelist: {model: }", "apis.some.param_whitelist.model must list at least one pattern")]
    [InlineData("param_whitelist: {model: gpt}", "apis.some.param_whitelist.model must be a list")]
    [InlineData("param_whitelist: {model: ['[a']}", "6:31: apis.some.param_whitelist.model: the pattern '[a'")]
    [InlineData("param_whitelist: {model: [a], Model: [b]}", "apis.some.param_whitelist.Model differs from another")]
    [InlineData("cache: /v1/models", "6:12: apis.some.cache must be a map")]
    [InlineData("cache: {ttl: 1h}", "6:13: apis.some.cache.ttl is not a setting; known here are")]
    [InlineData("cache: {default_ttl_endpoints: [v1/models]}", "6:37: apis.some.cache.default_ttl_endpoints has 'v1/")]
    [InlineData("cache: {post: {endpoint: /v1/x, ttl: 1h}}", "6:19: apis.some.cache.post must be a list of maps")]
    [InlineData("cache: {post: [/v1/x]}", "6:19: apis.some.cache.post must be a list of maps")]
    [InlineData("cache: {post: [{ttl: 1h}]}", "6:20: apis.some.cache.post.endpoint must be there")]
    [InlineData("cache: {post: [{endpoint: [], ttl: 1h}]}", "6:20: apis.some.cache.post.endpoint must be there")]
    [InlineData("cache: {post: [{endpoint: {a: 1}, ttl: 1h}]}", "6:31: apis.some.cache.post.endpoint must be a list")]
    [InlineData("cache: {post: [{endpoint: v1, ttl: 1h}]}", "6:31: apis.some.cache.post.endpoint has 'v1', which")]
    [InlineData("cache: {post: [{endpoint: /x}]}", "6:20: apis.some.cache.post.ttl must be there")]
    [InlineData("cache: {post: [{endpoint: /x, ttl: 1}]}", "cache.post.ttl must be a duration from 1s to 30d")]
    [InlineData("cache: {post: [{endpoint: /x, ttl: 31d}]}", "apis.some.cache.post.ttl must be a duration from 1s")]
    [InlineData("cache: {post: [{endpoint: /x, ttl: 999ms}]}", "apis.some.cache.post.ttl must be a duration from 1s")]
    [InlineData("cache: {post: [{endpoint: /x, ttl: 1h, if: {}}]}", "6:44: apis.some.cache.post.if is not a setting")]
    [InlineData("cache: {post: [{endpoint: /x, ttl: 1h, when: []}]}", "apis.some.cache.post.when must be a map")]
    [InlineData("cache: {post: [{endpoint: /x, ttl: 1h, when: {a: [0]}}]}", "6:54: apis.some.cache.post.when.a must")]
    [InlineData("cache: {post: [{endpoint: /x, ttl: 1h, when: {a: .5}}]}", "6:54: apis.some.cache.post.when.a must be")]
    [InlineData("cache: {post: [{endpoint: /x, ttl: 1h, when: {a: 0x1}}]}", "apis.some.cache.post.when.a must be")]
    [InlineData("auth: !!str bearer", "has a YAML tag")]
    [InlineData("<<: {auth: bearer}", "apis.some.<< is not a setting")]
    [InlineData("base_url: https://twice.test", "6:5: the key 'base_url' is there twice")]
    [InlineData("auth: *nowhere", "the alias '*nowhere' stands for nothing")]
    [InlineData("auth: &a [*a]", "the alias '*a' stands for nothing")]
    [InlineData("auth: [", "is not YAML")]
    [InlineData("  auth: bearer", "is not YAML")]
    [InlineData("auth: \"bearer", "is not YAML")]
    [InlineData("\tauth: bearer", "is not YAML")]
    public void What_is_wrong_is_named_with_its_place(string line, string complaint)
    {
        var complaints = Given.Complaints(Given.FileWith(line));

        Assert.StartsWith(Given.FileName + ":", complaints[0], StringComparison.Ordinal);
        Assert.Contains(complaint, complaints[0], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "1:1: has no content")]
    [InlineData("# nothing\n", "1:1: has no content")]
    [InlineData("~", "1:1: has no content")]
    [InlineData("[]", "1:1: must be a map")]
    [InlineData("text", "1:1: must be a map")]
    [InlineData("apis: {}", "1:7: apis must name at least one provider")]
    [InlineData("default_api: openai", "1:1: apis must name at least one provider")]
    [InlineData("apis: []", "1:7: apis must be a map")]
    [InlineData("apis:\n  some:\n", "2:3: apis.some has no settings")]
    [InlineData("apis:\n  some: text\n", "2:9: apis.some must be a map")]
    [InlineData("default_api: other\n" + Head + Lists, "1:14: default_api names 'other'")]
    [InlineData("api: x\n" + Head + Lists, "1:1: api is not a setting; known here are default_api, apis")]
    [InlineData(Head + "    allowed_endpoints: [/v1/x]\n", "3:5: apis.some.allowed_methods must name at least one")]
    [InlineData(Head + "    allowed_endpoints: [/v1/x]\n    allowed_methods: [OPTIONS]\n", "allowed_methods must name")]
    [InlineData(Head + "    allowed_endpoints: [/v1/x]\n    allowed_methods: [GET, TRACE]\n",
        "5:28: apis.some.allowed_methods has 'TRACE', which is not one of")]
    [InlineData(Head + "    allowed_endpoints: []\n    allowed_methods: [GET]\n", "endpoints must name at least one")]
    [InlineData(Head + "    allowed_endpoints: [/v1/x, v1/y]\n    allowed_methods: [GET]\n",
        "4:32: apis.some.allowed_endpoints has 'v1/y', which must start with '/'")]
    [InlineData("apis:\n  some:\n" + Lists, "apis.some.base_url must be there")]
    [InlineData("apis:\n  some:\n    base_url: http://api.some.test\n" + Lists, "3:15: apis.some.base_url must be")]
    [InlineData("apis:\n  manage:\n    base_url: https://api.some.test\n" + Lists, "2:3: apis: the provider name")]
    [InlineData("apis:\n  v1:\n    base_url: https://api.some.test\n" + Lists, "the provider name 'v1' is a path")]
    [InlineData("apis:\n  Some:\n    base_url: https://api.some.test\n" + Lists, "may have small letters")]
    [InlineData("apis:\n  a/b:\n    base_url: https://api.some.test\n" + Lists, "may have small letters")]
    [InlineData("apis:\n  '':\n    base_url: https://api.some.test\n" + Lists, "must have 1 to 64 characters")]
    [InlineData("? [a]\n: b\n", "has a key that is empty, a list or a map")]
    [InlineData(Head + Lists + "---\n" + Head, "6:1: a second document starts here")]
    public void A_file_that_cannot_be_used_says_where_and_why(string yaml, string complaint)
    {
        Assert.Contains(complaint, Given.Complaints(yaml)[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Everything_that_is_wrong_is_said_at_once()
    {
        Assert.Equal(4, Given.Complaints("""
            apis:
              some:
                base_url: ftp://api.some.test
                allowed_endpoints: [x]
                allowed_methods: [GET]
                timeouts: {request: soon}
            """).Count);
    }

    [Theory]
    [InlineData("manage")]
    [InlineData("health")]
    [InlineData("ready")]
    [InlineData("live")]
    [InlineData("docs")]
    [InlineData("openapi.json")]
    [InlineData("metrics")]
    [InlineData("admin")]
    [InlineData("v1")]
    [InlineData("scalar")]
    public void Paths_of_the_proxy_are_no_provider_names(string name)
    {
        Assert.Contains($"'{name}'", Given.Complaints($"apis:\n  {name}:\n    base_url: https://x.test\n{Lists}")[0],
            StringComparison.Ordinal);
    }

    [Fact]
    public void An_alias_bomb_is_one_complaint()
    {
        var bomb = "l0: &l0 [x, x]\n" + string.Concat(Enumerable.Range(1, 30).Select(static level =>
            $"l{level}: &l{level} [{string.Join(", ", Enumerable.Repeat($"*l{level - 1}", 9))}]\n"));

        Assert.Contains("more than 100 aliases", Assert.Single(Given.Complaints(bomb)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[")]
    [InlineData("{a: ")]
    [InlineData("- ")]
    public void Deep_nesting_is_one_complaint(string opening)
    {
        Assert.Single(Given.Complaints(string.Concat(Enumerable.Repeat(opening, 50_000))));
    }

    [Fact]
    public void No_text_makes_it_throw()
    {
        Gen.Select(Gen.Int[0, 400], Gen.Int[0, 40], Garbage).Sample(
            static (at, cut, garbage) =>
            {
                var yaml = Given.FileWith("timeouts: {request: 1s}\nparam_whitelist:\n  model: &m [gpt-*]\n  user: *m");
                var start = Math.Min(at, yaml.Length);
                var end = Math.Min(start + cut, yaml.Length);
                Given.Complaints(yaml[..start] + garbage + yaml[end..]);
            },
            iter: 5_000);
    }

    private static readonly Gen<string> Garbage = Given.OneOf(
        "", ":", "- ", "[", "]", "{", "}", "&a", "*a", "!", "!!map", "!<", "|", ">", "%YAML 3.0\n", "---\n", "...\n",
        "\t", "\n", "\r", "\0", "\u0085", "\ufeff", "\ud800", "'", "\"", "\\", "\"\\x", "\"\\ud800\"", "? ", "#", "@",
        "`", "<<: *a\n", ",", "~")
        .Array[1, 5].Select(static pieces => string.Concat(pieces));

    private static TimeSpan Seconds(double seconds) => TimeSpan.FromSeconds(seconds);
}
