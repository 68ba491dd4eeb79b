using System.Text.Json.Nodes;
using LlmProxy.Cli;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace LlmProxy.Tests.Cli.Benchmark;

/// <summary>What is sent, and what is refused before anything is.</summary>
public sealed class BenchmarkOptionTests : IAsyncLifetime
{
    private const string Token = "llmp_token-of-the-tests";
    private const string Fine = """{"choices":[]}""";

    private readonly Shell _shell = new();
    private FakeModel _model = null!;

    public async ValueTask InitializeAsync()
    {
        _model = await FakeModel.StartAsync();
        _shell.Variables["PROXY_URL"] = _model.Address;
        _shell.Variables["PROXY_TOKEN"] = Token;
    }

    public async ValueTask DisposeAsync()
    {
        await _model.DisposeAsync();
        _shell.Dispose();
    }

    [Theory]
    [InlineData("--requests must be a whole number from 1 to 1000000000, not '0'.", "--requests", "0")]
    [InlineData("--requests must be a whole number from 1 to 1000000000, not 'ten'.", "-r", "ten")]
    [InlineData("--concurrency must be a whole number from 1 to 10000, not '10001'.", "-c", "10001")]
    [InlineData("--rate must be requests a second from 0.001 to 100000, not '0'.", "--rate", "0")]
    [InlineData("--rate must be requests a second from 0.001 to 100000, not 'NaN'.", "--rate", "NaN")]
    [InlineData("--duration must be a time such as 500ms, 30s or 5m, up to 1d, not '30'.", "--duration", "30")]
    [InlineData("--duration must be a time such as 500ms, 30s or 5m, up to 1d, not '2d'.", "--duration", "2d")]
    [InlineData("--timeout must be a time such as 500ms, 30s or 5m, up to 30m, not '0'.", "--timeout", "0")]
    [InlineData("--warmup must be a number of requests, or a time such as 5s, not '-1'.", "--warmup", "-1")]
    [InlineData("--max-failures must be percent from 0 to 100, not '101%'.", "--max-failures", "101%")]
    [InlineData("--max-failures must be percent from 0 to 100, not 'few'.", "--max-failures", "few")]
    [InlineData("--method must be a method such as GET or POST, not 'G T'.", "--method", "g t")]
    [InlineData("--method must be a method such as GET or POST, not 'CONNECT'.", "--method", "connect")]
    [InlineData("--endpoint must be a path such as /v1/chat/completions, not 'v1/x'.", "--endpoint", "v1/x")]
    [InlineData("--endpoint must be a path such as /v1/chat/completions, not '//h/x'.", "--endpoint", "//h/x")]
    [InlineData("--endpoint must be a path such as /v1/chat/completions, not '/a b'.", "--endpoint", "/a b")]
    [InlineData("--header must be 'name: value' in visible ASCII characters.", "--header", "no colon")]
    [InlineData("--header must be 'name: value' in visible ASCII characters.", "--header", "a b: c")]
    [InlineData("--header must be 'name: value' in visible ASCII characters.", "--header", "a: b\r\nc: d")]
    [InlineData("--header cannot set content-length: the connection depends on it.", "--header", "content-length: 1")]
    [InlineData("--token does not go together with a --header that is a credential.",
        "--token", "t", "--header", "X-Api-Key: k")]
    [InlineData("--token and --body cannot both come from the input.", "--token", "-", "--body", "-")]
    [InlineData("--model and --prompt do not go together with --body, which says it all.",
        "--model", "m", "--body", "{}")]
    [InlineData("--model and --prompt are for a POST to /v1/chat/completions; give --body.",
        "--endpoint", "/v1/embeddings", "--prompt", "p")]
    [InlineData("A POST to this --endpoint needs a --body.", "--endpoint", "/v1/embeddings")]
    [InlineData("--base-url must be an address such as http://localhost:8080, not 'h'.", "--base-url", "h")]
    public async Task What_cannot_be_is_a_sentence_and_exit_code_1(string sentence, params string[] flags)
    {
        var refused = await _shell.RunAsync(["benchmark", .. flags]);

        Assert.Equal((ExitCode.Usage, string.Empty), (refused.ExitCode, refused.Output));
        Assert.Equal(sentence, refused.Errors.Split('\n')[0]);
        Assert.Empty(_model.Received);
    }

    [Fact]
    public async Task A_body_that_is_not_there_is_named()
    {
        var refused = await _shell.RunAsync("benchmark", "--body", "nowhere.json");

        Assert.Equal(ExitCode.Usage, refused.ExitCode);
        Assert.StartsWith("--body: nowhere.json cannot be read: ", refused.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_token_it_says_how_to_give_one()
    {
        _shell.Variables.Remove("PROXY_TOKEN");

        var refused = await _shell.RunAsync("benchmark");

        Assert.Equal(
            new Outcome(ExitCode.Usage, string.Empty, "The token is missing: give --token or set PROXY_TOKEN.\n"),
            refused);
    }

    [Fact]
    public async Task A_token_that_is_none_is_not_repeated()
    {
        var refused = await _shell.RunAsync("benchmark", "--token", "my secret");

        Assert.Equal(
            new Outcome(ExitCode.Usage, string.Empty, "--token must be visible ASCII characters without spaces.\n"),
            refused);
    }

    [Fact]
    public async Task By_default_it_sends_a_small_chat_request_with_the_token_of_the_environment()
    {
        _model.Answers(200, Fine);

        (await _shell.RunAsync("benchmark", "-r", "1")).Succeeded();

        Assert.Equal(("/v1/chat/completions", $"Bearer {Token}"), (_model.Path, _model.Authorization));
        Assert.Equal(
            """{"model":"gpt-4.1-mini","messages":[{"role":"user","content":"Say hello."}],"max_tokens":16,"""
            + "\"stream\":false}",
            _model.Received[0].ToJsonString());
    }

    [Fact]
    public async Task A_stream_is_asked_for_with_its_usage()
    {
        _model.Says("Hi");

        (await _shell.RunAsync("benchmark", "-r", "1", "--stream", "--model", "m", "--prompt", "Hi")).Succeeded();

        Assert.Equal(
            """{"model":"m","messages":[{"role":"user","content":"Hi"}],"max_tokens":16,"""
            + "\"stream\":true,\"stream_options\":{\"include_usage\":true}}",
            _model.Received[0].ToJsonString());
    }

    [Theory]
    [InlineData("request.json")]
    [InlineData("-")]
    [InlineData("""{"input":"text"}""")]
    public async Task A_body_comes_from_a_file_the_input_or_the_command_line(string source)
    {
        await _shell.WriteAsync("request.json", """{"input":"text"}""");
        _shell.Input = """{"input":"text"}""";
        _model.Answers(200, Fine);

        (await _shell.RunAsync("benchmark", "-r", "1", "--endpoint", "/v1/embeddings?a=b", "--body", source))
            .Succeeded();

        Assert.Equal("/v1/embeddings", _model.Path);
        Assert.Equal("""{"input":"text"}""", _model.Received[0].ToJsonString());
    }

    [Fact]
    public async Task A_token_comes_from_the_input_when_told_so()
    {
        _shell.Input = "llmp_from-the-input\nsomething else\n";
        _model.Answers(200, Fine);

        (await _shell.RunAsync("benchmark", "-r", "1", "--token", "-")).Succeeded();

        Assert.Equal("Bearer llmp_from-the-input", _model.Authorization);
    }

    [Fact]
    public async Task Headers_are_sent_and_stand_in_for_those_by_default()
    {
        IHeaderDictionary? seen = null;
        _model.Answers(http =>
        {
            seen = new HeaderDictionary(http.Request.Headers.ToDictionary(StringComparer.OrdinalIgnoreCase));
            return Task.CompletedTask;
        });

        (await _shell.RunAsync(
            "benchmark", "-r", "1", "--header", "X-Mine: a: b", "--header", "content-type:application/json; x=1",
            "--header", "Authorization: Basic Og==")).Succeeded();

        Assert.Equal(
            ("a: b", "application/json; x=1", "Basic Og==", "llm-proxy-benchmark"),
            ((string?)seen!["X-Mine"], (string?)seen.ContentType, (string?)seen.Authorization,
                (string?)seen.UserAgent));
    }

    [Fact]
    public async Task A_path_that_looks_like_an_address_does_not_lead_elsewhere()
    {
        _model.Answers(200, Fine);

        (await _shell.RunAsync("benchmark", "-r", "1", "--endpoint", "/http://127.0.0.2:1/x", "--body", "{}"))
            .Succeeded();

        Assert.Equal("/http://127.0.0.2:1/x", _model.Path);
    }

    [Fact]
    public async Task Warming_up_is_asked_and_not_measured()
    {
        _model.Answers(500, "{}").Answers(500, "{}").Answers(200, Fine);

        var measured = await _shell.RunAsync("benchmark", "-r", "1", "-c", "1", "--warmup", "2", "--json");

        Assert.Equal(1, (int)JsonNode.Parse(measured.Succeeded())!["requests"]!);
        Assert.Equal(3, _model.Received.Count);
    }
}
