using System.Text.Json.Nodes;
using LlmProxy.Cli;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace LlmProxy.Tests.Cli;

public sealed class ChatTests : IAsyncLifetime
{
    private const string Token = "llmp_token-of-the-tests";

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

    [Fact]
    public async Task Shows_an_answer_as_it_comes_and_ends_the_line()
    {
        _model.Streams(FakeModel.Piece("Hel"), """{"choices":[]}""", FakeModel.Piece("lo", "stop"), "[DONE]");

        var chat = await ChatAsync("Hi");

        Assert.Equal("Hello\n", chat.Succeeded());
        Assert.Equal(("/v1/chat/completions", $"Bearer {Token}"), (_model.Path, _model.Authorization));
        Assert.Equal(
            """{"model":"gpt-4.1-mini","messages":[{"role":"user","content":"Hi"}],"stream":true}""",
            _model.Received[0].ToJsonString());
    }

    [Fact]
    public async Task Sends_what_the_flags_say()
    {
        _model.Says("Bonjour");

        (await ChatAsync(
            "Hi", "--model", "m", "--system", "In French.", "--temperature", "0", "--max-tokens", "7")).Succeeded();

        Assert.Equal(
            """{"model":"m","messages":[{"role":"system","content":"In French."},{"role":"user","content":"Hi"}],"""
            + """ "temperature":0,"max_tokens":7,"stream":true}""".TrimStart(),
            _model.Received[0].ToJsonString());
    }

    [Theory]
    [InlineData("--no-stream")]
    [InlineData("--stream", "false")]
    [InlineData("--stream=false")]
    public async Task Shows_a_whole_answer_when_it_is_not_to_be_streamed(params string[] flags)
    {
        _model.Answers(200, """{"choices":[{"message":{"content":"Hello\n"},"finish_reason":"stop"}]}""");

        var chat = await ChatAsync(["Hi", .. flags]);

        Assert.Equal("Hello\n", chat.Succeeded());
        Assert.False((bool)_model.Received[0]["stream"]!);
    }

    [Fact]
    public async Task Each_line_of_a_pipe_is_a_message_that_follows_on_those_before()
    {
        _shell.Input = "Hello\n\n  And again \r\nexit\nnever sent\n";
        _model.Says("one").Says("two");

        var chat = await ChatAsync();

        Assert.Equal("one\ntwo\n", chat.Succeeded());
        Assert.Empty(chat.Errors);
        Assert.Equal("user:Hello assistant:one user:And again", Conversation(_model.Received[1]));
    }

    [Theory]
    [InlineData("quit")]
    [InlineData("exit")]
    [InlineData("")]
    public async Task It_ends_when_one_says_so_or_says_nothing_more(string last)
    {
        _shell.Input = $"{last}\n";

        Assert.Equal(new Outcome(0, string.Empty, string.Empty), await ChatAsync());
    }

    [Fact]
    public async Task In_a_pipe_the_first_failure_ends_it_with_its_exit_code()
    {
        _shell.Input = "Hello\nAnd again\n";
        _model.Answers(401, """{"error":{"message":"The token is not valid.","type":"x","code":"invalid_token"}}""");

        var chat = await ChatAsync();

        Assert.Equal((ExitCode.Authentication, string.Empty), (chat.ExitCode, chat.Output));
        Assert.Equal("invalid_token: The token is not valid. [HTTP 401]\n", chat.Errors);
        Assert.Single(_model.Received);
    }

    [Fact]
    public async Task On_a_terminal_what_failed_was_never_said()
    {
        (_shell.InputIsTerminal, _shell.Input) = (true, "first\nsecond\nthird\n");
        _model.Says("one").Answers(429, """{"error":{"message":"Too many.","type":"requests"}}""").Says("three");

        var chat = await ChatAsync();

        Assert.Equal("one\nthree\n", chat.Succeeded());
        Assert.Contains("requests: Too many. [HTTP 429]\n", chat.Errors, StringComparison.Ordinal);
        Assert.Equal("user:first assistant:one user:third", Conversation(_model.Received[2]));
    }

    [Theory]
    [InlineData("ended the answer before its end")]
    [InlineData("server_error: It broke.", """{"error":{"message":"It broke.","type":"server_error","code":null}}""")]
    [InlineData("sent an event that is not understood", "nonsense")]
    public async Task An_answer_that_does_not_end_as_it_should_is_a_failure(string sentence, params string[] events)
    {
        _model.Streams([FakeModel.Piece("Hel"), .. events]);

        var chat = await ChatAsync("Hi");

        Assert.Equal((ExitCode.Network, "Hel\n"), (chat.ExitCode, chat.Output));
        Assert.Contains(sentence, chat.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_answer_that_is_cut_on_the_wire_is_a_failure()
    {
        _model.Answers(async http =>
        {
            http.Response.ContentType = "text/event-stream";
            await http.Response.WriteAsync($"data: {FakeModel.Piece("Hel")}\n\n");
            await http.Response.Body.FlushAsync();
            http.Abort();
        });

        var chat = await ChatAsync("Hi");

        Assert.Equal(ExitCode.Network, chat.ExitCode);
        Assert.NotEmpty(chat.Errors);
    }

    [Fact]
    public async Task An_event_may_be_of_any_length()
    {
        var text = new string('x', 300_000);
        _model.Says(text);

        Assert.Equal($"{text}\n", (await ChatAsync("Hi")).Succeeded());
    }

    [Fact]
    public async Task An_answer_cannot_steer_the_terminal()
    {
        _model.Says("a\e[2Jb\u009bc\td");

        Assert.Equal("a[2Jbc\td\n", (await ChatAsync("Hi")).Succeeded());
    }

    [Fact]
    public async Task An_answer_that_ran_out_of_tokens_says_so()
    {
        _model.Streams(FakeModel.Piece("Hel", "length"), "[DONE]");

        Assert.Contains("length", (await ChatAsync("Hi")).Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ctrl_c_stops_an_answer_and_not_the_chat()
    {
        var isWaiting = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _model.Answers(async http =>
        {
            isWaiting.SetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, http.RequestAborted);
        });
        using var signal = new StopSignal(TestContext.Current.CancellationToken);
        using var turn = signal.Begin();
        using var api = new ApiClient(new Uri(_model.Address), Token, TimeSpan.FromSeconds(30));
        var client = new ChatClient(api, new ChatStyle("m", null, null, Streams: true));

        var asked = client.AskAsync([new ChatMessage("user", "Hi")], static _ => { }, turn.Token);
        await isWaiting.Task;
        signal.Receive(System.Runtime.InteropServices.PosixSignal.SIGINT);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asked);
        Assert.False(signal.Token.IsCancellationRequested);
    }

    [Theory]
    [InlineData("")]
    [InlineData("/")]
    [InlineData("/v1")]
    [InlineData("/v1/")]
    public async Task The_address_may_end_with_or_without_the_version(string end)
    {
        _model.Says("Hello");

        (await ChatAsync("Hi", "--base-url", _model.Address + end)).Succeeded();

        Assert.Equal("/v1/chat/completions", _model.Path);
    }

    [Fact]
    public async Task Without_a_token_it_says_how_to_give_one()
    {
        _shell.Variables.Remove("PROXY_TOKEN");

        var refused = await ChatAsync("Hi");

        Assert.Equal(ExitCode.Usage, refused.ExitCode);
        Assert.Contains("PROXY_TOKEN", refused.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--temperature", "3")]
    [InlineData("--temperature", "warm")]
    [InlineData("--max-tokens", "0")]
    [InlineData("--max-tokens", "many")]
    public async Task A_value_that_is_none_is_refused_by_the_name_of_its_flag(string flag, string value)
    {
        var refused = await ChatAsync("Hi", flag, value);

        Assert.Equal(ExitCode.Usage, refused.ExitCode);
        Assert.StartsWith($"{flag} must be ", refused.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_proxy_that_is_not_there_is_exit_code_2()
    {
        var failed = await ChatAsync("Hi", "--proxy", "http://127.0.0.1:9");

        Assert.Equal(ExitCode.Network, failed.ExitCode);
        Assert.StartsWith("http://127.0.0.1:9 cannot be reached: ", failed.Errors, StringComparison.Ordinal);
    }

    private Task<Outcome> ChatAsync(params string[] arguments) => _shell.RunAsync(["openai", "chat", .. arguments]);

    private static string Conversation(JsonObject request) => string.Join(
        ' ', request["messages"]!.AsArray().Select(static message => $"{message!["role"]}:{message["content"]}"));
}
