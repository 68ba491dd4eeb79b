using System.Text.Json;
using Xunit;

namespace LlmProxy.Tests.Simulator;

public sealed class ChatCompletionsTests : IAsyncLifetime
{
    private const string Path = "/v1/chat/completions";

    private const string WeatherTool = """
        {"type":"function","function":{"name":"get_weather","parameters":{"type":"object","properties":{
        "location":{"type":"string"},"days":{"type":"integer","minimum":3},"unit":{"enum":["celsius","kelvin"]}}}}}
        """;

    private SimulatorClient _simulator = null!;

    public async ValueTask InitializeAsync() => _simulator = await SimulatorClient.StartAsync();

    public ValueTask DisposeAsync() => _simulator.DisposeAsync();

    [Fact]
    public async Task Answers_the_same_prompt_with_the_same_bytes()
    {
        using var first = await _simulator.PostAsync(Path, Ask("Hello there"));
        using var second = await _simulator.PostAsync(Path, Ask("Hello there"));

        Assert.Equal(await SimulatorClient.TextOf(first), await SimulatorClient.TextOf(second));
    }

    [Fact]
    public async Task Has_the_shape_of_a_chat_completion_and_counts_words_as_tokens()
    {
        var answer = await _simulator.PostForJsonAsync(Path, Ask("Hello there, simulator"));

        var choice = answer.GetProperty("choices")[0];
        var text = choice.GetProperty("message").GetProperty("content").GetString()!;
        var usage = answer.GetProperty("usage");
        Assert.StartsWith("chatcmpl-", answer.GetProperty("id").GetString());
        Assert.Equal("chat.completion", answer.GetProperty("object").GetString());
        Assert.Equal("gpt-4o", answer.GetProperty("model").GetString());
        Assert.StartsWith("Simulated answer to \"Hello there, simulator\":", text);
        Assert.Equal("stop", choice.GetProperty("finish_reason").GetString());
        Assert.Equal(3, usage.GetProperty("prompt_tokens").GetInt32());
        Assert.Equal(text.Split(' ').Length, usage.GetProperty("completion_tokens").GetInt32());
        Assert.Equal(3 + text.Split(' ').Length, usage.GetProperty("total_tokens").GetInt32());
    }

    [Fact]
    public async Task Streams_the_text_that_it_gives_whole()
    {
        var whole = await _simulator.PostForJsonAsync(Path, Ask("Hello"));

        var events = await _simulator.PostForEventsAsync(Path, Ask("Hello", "\"stream\":true"));

        Assert.Equal(TextIn(whole), string.Concat(events.SkipLast(1).Select(static chunk => DeltaIn(chunk.Json))));
    }

    [Fact]
    public async Task Streams_role_then_content_then_finish_reason_then_usage_then_done()
    {
        var events = await _simulator.PostForEventsAsync(
            Path,
            Ask("Hi", "\"stream\":true,\"stream_options\":{\"include_usage\":true}"),
            "x-simulator-chunks: 2");

        const string Head = "{\"id\":\"ID\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,"
            + "\"model\":\"gpt-4o\",\"choices\":[";
        const string Tail = "],\"usage\":null,\"service_tier\":\"default\",\"system_fingerprint\":\"fp_simulator\"}";
        var id = events[0].Json.GetProperty("id").GetString()!;
        var texts = events.Select(chunk => chunk.Text.Replace(id, "ID", StringComparison.Ordinal)).ToList();
        Assert.Equal(6, texts.Count);
        Assert.Equal(
            Head + "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null},"
            + "\"logprobs\":null,\"finish_reason\":null}" + Tail,
            texts[0]);
        Assert.Matches("\"delta\":{\"content\":\"[a-z]+\"},\"logprobs\":null,\"finish_reason\":null", texts[1]);
        Assert.Matches("\"delta\":{\"content\":\" [a-z]+\"},\"logprobs\":null,\"finish_reason\":null", texts[2]);
        Assert.Equal(
            Head + "{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"stop\"}" + Tail,
            texts[3]);
        Assert.StartsWith(
            Head + "],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2,\"total_tokens\":3,",
            texts[4]);
        Assert.Equal("[DONE]", texts[5]);
    }

    [Fact]
    public async Task Sends_no_usage_in_a_stream_that_did_not_ask_for_it()
    {
        var events = await _simulator.PostForEventsAsync(Path, Ask("Hi", "\"stream\":true"));

        Assert.DoesNotContain(events, static chunk => chunk.Text.Contains("\"usage\"", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Gives_as_many_different_choices_as_were_asked_for()
    {
        var answer = await _simulator.PostForJsonAsync(Path, Ask("Hello", "\"n\":3"));

        var texts = answer.GetProperty("choices").EnumerateArray()
            .Select(static choice => choice.GetProperty("message").GetProperty("content").GetString())
            .ToList();
        Assert.Equal(3, texts.Distinct(StringComparer.Ordinal).Count());
        Assert.Equal(
            texts.Sum(static text => text!.Split(' ').Length),
            answer.GetProperty("usage").GetProperty("completion_tokens").GetInt32());
    }

    [Fact]
    public async Task Cuts_the_answer_at_the_limit_of_tokens_and_says_length()
    {
        var answer = await _simulator.PostForJsonAsync(Path, Ask("Hello", "\"max_tokens\":3"));

        Assert.Equal("Simulated answer to", TextIn(answer));
        Assert.Equal("length", answer.GetProperty("choices")[0].GetProperty("finish_reason").GetString());
        Assert.Equal(3, answer.GetProperty("usage").GetProperty("completion_tokens").GetInt32());
    }

    [Fact]
    public async Task Ends_the_answer_before_a_stop_sequence()
    {
        var answer = await _simulator.PostForJsonAsync(Path, Ask("Hello", "\"stop\":[\"never\",\" to\"]"));

        Assert.Equal("Simulated answer", TextIn(answer));
    }

    [Theory]
    [InlineData("Hello", "\"required\"")]
    [InlineData("Hello", "{\"type\":\"function\",\"function\":{\"name\":\"get_weather\"}}")]
    [InlineData("Please use get_weather now", "\"auto\"")]
    public async Task Calls_a_tool_when_the_choice_demands_it_or_the_prompt_names_it(string prompt, string choice)
    {
        var answer = await _simulator.PostForJsonAsync(
            Path,
            Ask(prompt, $"\"tools\":[{WeatherTool}],\"tool_choice\":{choice}"));

        var made = answer.GetProperty("choices")[0];
        var call = made.GetProperty("message").GetProperty("tool_calls")[0];
        Assert.Equal("tool_calls", made.GetProperty("finish_reason").GetString());
        Assert.Equal(JsonValueKind.Null, made.GetProperty("message").GetProperty("content").ValueKind);
        Assert.Equal("get_weather", call.GetProperty("function").GetProperty("name").GetString());
        Assert.Equal(
            """{"location":"example","days":3,"unit":"celsius"}""",
            call.GetProperty("function").GetProperty("arguments").GetString());
    }

    [Theory]
    [InlineData("Hello", "\"auto\"")]
    [InlineData("Please use get_weather now", "\"none\"")]
    public async Task Answers_with_text_when_no_tool_is_wanted(string prompt, string choice)
    {
        var answer = await _simulator.PostForJsonAsync(
            Path,
            Ask(prompt, $"\"tools\":[{WeatherTool}],\"tool_choice\":{choice}"));

        Assert.StartsWith("Simulated answer", TextIn(answer));
    }

    [Fact]
    public async Task Answers_the_result_of_a_tool_with_text()
    {
        var answer = await _simulator.PostForJsonAsync(Path, $$"""
            {"model":"gpt-4o","tools":[{{WeatherTool}}],"tool_choice":"required","messages":[
            {"role":"user","content":"Use get_weather"},{"role":"tool","tool_call_id":"call_1","content":"sunny"}]}
            """);

        Assert.StartsWith("Simulated answer to \"Use get_weather\":", TextIn(answer));
    }

    [Fact]
    public async Task Streams_the_arguments_of_a_tool_in_pieces()
    {
        var events = await _simulator.PostForEventsAsync(
            Path,
            Ask("Hi", $"\"stream\":true,\"tool_choice\":\"required\",\"tools\":[{WeatherTool}]"));

        var calls = events.SkipLast(1)
            .Select(static chunk => chunk.Json.GetProperty("choices")[0].GetProperty("delta"))
            .Where(static delta => delta.TryGetProperty("tool_calls", out _))
            .Select(static delta => delta.GetProperty("tool_calls")[0].GetProperty("function"))
            .ToList();
        Assert.Equal("get_weather", calls[0].GetProperty("name").GetString());
        Assert.True(calls.Count > 3);
        Assert.Equal(
            """{"location":"example","days":3,"unit":"celsius"}""",
            string.Concat(calls.Select(static call => call.GetProperty("arguments").GetString())));
    }

    [Fact]
    public async Task Answers_in_json_that_satisfies_the_schema()
    {
        var answer = await _simulator.PostForJsonAsync(Path, Ask("Hi", """
            "response_format":{"type":"json_schema","json_schema":{"name":"s","schema":{"type":"object","properties":{
            "steps":{"type":"array","items":{"$ref":"#/$defs/step"}},"ok":{"type":["boolean","null"]}},
            "$defs":{"step":{"type":"object","properties":{"text":{"type":"string"}}}}}}}
            """));

        Assert.Equal("""{"steps":[{"text":"example"}],"ok":true}""", TextIn(answer));
    }

    [Fact]
    public async Task Ends_a_schema_that_refers_to_itself()
    {
        var answer = await _simulator.PostForJsonAsync(Path, Ask("Hi", """
            "response_format":{"type":"json_schema","json_schema":{"name":"s","schema":{"type":"object","properties":{
            "a":{"$ref":"#"},"b":{"$ref":"#"},"c":{"$ref":"#"}}}}}
            """));

        using var parsed = JsonDocument.Parse(TextIn(answer));
        Assert.True(TextIn(answer).Length < 100_000);
    }

    [Fact]
    public async Task Gives_the_probability_of_each_piece_when_asked()
    {
        var answer = await _simulator.PostForJsonAsync(Path, Ask("Hi", "\"logprobs\":true,\"top_logprobs\":2"));

        var pieces = answer.GetProperty("choices")[0].GetProperty("logprobs").GetProperty("content").EnumerateArray();
        Assert.Equal(
            TextIn(answer),
            string.Concat(pieces.Select(static piece => piece.GetProperty("token").GetString())));
    }

    [Theory]
    [InlineData("{", "invalid_json", null)]
    [InlineData("[]", "invalid_json", null)]
    [InlineData("{\"messages\":[{}]}", "missing_required_parameter", "model")]
    [InlineData("{\"model\":\"m\"}", "missing_required_parameter", "messages")]
    [InlineData("{\"model\":\"m\",\"messages\":[]}", "invalid_value", "messages")]
    [InlineData("{\"model\":\"m\",\"messages\":[{}],\"n\":1.5}", "invalid_value", "n")]
    [InlineData("{\"model\":\"m\",\"messages\":[{}],\"stream\":\"yes\"}", "invalid_value", "stream")]
    public async Task Refuses_a_wrong_request_and_names_the_parameter(string body, string code, string? param)
    {
        using var answer = await _simulator.PostAsync(Path, body);

        var error = (await SimulatorClient.JsonOf(answer)).GetProperty("error");
        Assert.Equal(400, (int)answer.StatusCode);
        Assert.Equal(code, error.GetProperty("code").GetString());
        Assert.Equal(param, error.GetProperty("param").GetString());
    }

    private static string Ask(string prompt, string more = "\"user\":\"me\"") =>
        $$"""{"model":"gpt-4o","messages":[{"role":"user","content":"{{prompt}}"}],{{more}}}""";

    private static string TextIn(JsonElement answer) =>
        answer.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString()!;

    private static string? DeltaIn(JsonElement chunk) =>
        chunk.GetProperty("choices")[0].GetProperty("delta").TryGetProperty("content", out var content)
            ? content.GetString()
            : "";
}
