using System.Net;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Xunit;

namespace LlmProxy.Tests.Simulator;

public sealed class EndpointsTests : IAsyncLifetime
{
    private const string FormType = "multipart/form-data; boundary=x";

    private SimulatorClient _simulator = null!;

    public async ValueTask InitializeAsync() => _simulator = await SimulatorClient.StartAsync();

    public ValueTask DisposeAsync() => _simulator.DisposeAsync();

    [Fact]
    public async Task Completions_give_the_same_text_whole_and_streamed()
    {
        const string Ask = "{\"model\":\"m\",\"prompt\":\"Hi\"";
        var whole = await _simulator.PostForJsonAsync("/v1/completions", Ask + "}");

        var events = await _simulator.PostForEventsAsync("/v1/completions", Ask + ",\"stream\":true}");

        Assert.Equal("[DONE]", events[^1].Text);
        Assert.Equal(
            whole.GetProperty("choices")[0].GetProperty("text").GetString(),
            string.Concat(events.SkipLast(1).Select(static chunk =>
                chunk.Json.GetProperty("choices")[0].GetProperty("text").GetString())));
    }

    [Fact]
    public async Task Responses_stream_their_events_in_the_providers_order()
    {
        var events = await _simulator.PostForEventsAsync(
            "/v1/responses",
            """{"model":"m","input":"Hi there","stream":true}""",
            "x-simulator-chunks: 2");

        Assert.Equal(
            [
                "response.created", "response.in_progress", "response.output_item.added", "response.content_part.added",
                "response.output_text.delta", "response.output_text.delta", "response.output_text.done",
                "response.content_part.done", "response.output_item.done", "response.completed",
            ],
            events.Select(static step => step.Name), StringComparer.Ordinal);
        Assert.Equal(events.Select(static step => step.Name), events.Select(TypeOf), StringComparer.Ordinal);
        Assert.Equal(
            Enumerable.Range(0, 10),
            events.Select(static step => step.Json.GetProperty("sequence_number").GetInt32()));
        var usage = events[^1].Json.GetProperty("response").GetProperty("usage");
        Assert.Equal(2, usage.GetProperty("input_tokens").GetInt32());
        Assert.Equal(2, usage.GetProperty("output_tokens").GetInt32());
    }

    [Fact]
    public async Task A_response_in_the_background_is_queued_and_has_no_usage_yet()
    {
        var answer = await _simulator.PostForJsonAsync(
            "/v1/responses", """{"model":"m","input":"Hi","background":true}""");

        Assert.Equal("queued", answer.GetProperty("status").GetString());
        Assert.Equal(JsonValueKind.Null, answer.GetProperty("usage").ValueKind);
        Assert.Equal(0, answer.GetProperty("output").GetArrayLength());
    }

    [Theory]
    [InlineData("/v1/chat/completions", "max_tokens")]
    [InlineData("/v1/chat/completions", "max_completion_tokens")]
    [InlineData("/v1/completions", "max_tokens")]
    [InlineData("/v1/messages", "max_tokens")]
    [InlineData("/v1/responses", "max_output_tokens")]
    public async Task No_answer_has_more_words_than_the_limit_of_tokens(string path, string limit)
    {
        foreach (var more in (string[])["", ",\"tools\":[{\"name\":\"f\"}],\"tool_choice\":\"required\""])
        {
            using var answer = await _simulator.PostAsync(
                path,
                $$"""
                {"model":"m","prompt":"Hi","input":"Hi","{{limit}}":1,
                "messages":[{"role":"user","content":"Hi"}]{{more}}}
                """,
                "x-simulator-chunks: 50", "anthropic-version: 1");

            var text = await SimulatorClient.TextOf(answer);
            Assert.Matches("\"(completion|output)_tokens\":1[,}]", text);
            Assert.Matches("\"(length|max_tokens|incomplete)\"", text);
        }
    }

    [Fact]
    public async Task Completions_have_sixteen_words_when_nothing_else_is_said()
    {
        var answer = await _simulator.PostForJsonAsync(
            "/v1/completions", """{"model":"m","prompt":"one two three four five six seven"}""");

        Assert.Equal(16, answer.GetProperty("usage").GetProperty("completion_tokens").GetInt32());
    }

    [Fact]
    public async Task Responses_end_incomplete_at_the_limit_of_tokens()
    {
        var events = await _simulator.PostForEventsAsync(
            "/v1/responses",
            """{"model":"m","input":[{"role":"user","content":"Hi"}],"stream":true,"max_output_tokens":2}""");

        var response = events[^1].Json.GetProperty("response");
        Assert.Equal("response.incomplete", events[^1].Name);
        Assert.Equal("incomplete", response.GetProperty("status").GetString());
        Assert.Equal(
            "max_output_tokens",
            response.GetProperty("incomplete_details").GetProperty("reason").GetString());
    }

    [Fact]
    public async Task Responses_call_a_tool_that_is_demanded()
    {
        var response = await _simulator.PostForJsonAsync("/v1/responses", """
            {"model":"m","input":"Hi","tool_choice":"required","tools":[{"type":"function","name":"look",
            "parameters":{"type":"object","properties":{"at":{"type":"string"}}}}]}
            """);

        var item = response.GetProperty("output")[0];
        Assert.Equal("function_call", item.GetProperty("type").GetString());
        Assert.Equal("look", item.GetProperty("name").GetString());
        Assert.Equal("""{"at":"example"}""", item.GetProperty("arguments").GetString());
    }

    [Fact]
    public async Task Messages_stream_their_events_in_anthropics_order()
    {
        var events = await _simulator.PostForEventsAsync(
            "/v1/messages",
            """{"model":"m","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"Hi there"}]}""",
            "anthropic-version: 2023-06-01",
            "x-simulator-chunks: 2");

        Assert.Equal(
            [
                "message_start", "content_block_start", "ping", "content_block_delta", "content_block_delta",
                "content_block_stop", "message_delta", "message_stop",
            ],
            events.Select(static step => step.Name), StringComparer.Ordinal);
        Assert.Equal(events.Select(static step => step.Name), events.Select(TypeOf), StringComparer.Ordinal);
        var started = events[0].Json.GetProperty("message").GetProperty("usage");
        Assert.Equal(2, started.GetProperty("input_tokens").GetInt32());
        Assert.Equal(2, events[6].Json.GetProperty("usage").GetProperty("output_tokens").GetInt32());
        Assert.Equal("end_turn", events[6].Json.GetProperty("delta").GetProperty("stop_reason").GetString());
    }

    [Fact]
    public async Task Messages_use_a_tool_that_is_demanded()
    {
        var message = await _simulator.PostForJsonAsync(
            "/v1/messages",
            """
            {"model":"m","max_tokens":9,"messages":[{"role":"user","content":"Hi"}],"tool_choice":{"type":"any"},
            "tools":[{"name":"look","input_schema":{"type":"object","properties":{"at":{"type":"string"}}}}]}
            """,
            "anthropic-version: 2023-06-01");

        Assert.Equal("tool_use", message.GetProperty("stop_reason").GetString());
        Assert.Equal("""{"at":"example"}""", message.GetProperty("content")[0].GetProperty("input").GetRawText());
    }

    [Fact]
    public async Task Messages_fail_in_anthropics_shape()
    {
        using var answer = await _simulator.PostAsync("/v1/messages", "{}");

        var error = await SimulatorClient.JsonOf(answer);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal("error", error.GetProperty("type").GetString());
        Assert.Equal("invalid_request_error", error.GetProperty("error").GetProperty("type").GetString());
        Assert.True(answer.Headers.Contains("request-id"));
    }

    [Fact]
    public async Task Embeddings_are_unit_vectors_and_the_same_in_both_encodings()
    {
        const string Ask = "{\"model\":\"text-embedding-3-small\",\"dimensions\":8,\"input\":[\"one two\",\"three\"]";
        var floats = await _simulator.PostForJsonAsync("/v1/embeddings", Ask + "}");
        var packed = await _simulator.PostForJsonAsync("/v1/embeddings", Ask + ",\"encoding_format\":\"base64\"}");

        var vector = floats.GetProperty("data")[1].GetProperty("embedding").EnumerateArray()
            .Select(static value => value.GetSingle())
            .ToArray();
        var bytes = packed.GetProperty("data")[1].GetProperty("embedding").GetBytesFromBase64();
        Assert.Equal(8, vector.Length);
        Assert.Equal(1, vector.Sum(static value => value * value), 0.0001);
        Assert.Equal(vector, MemoryMarshal.Cast<byte, float>(bytes).ToArray());
        Assert.Equal(3, floats.GetProperty("usage").GetProperty("prompt_tokens").GetInt32());
    }

    [Fact]
    public async Task Embeddings_have_the_length_of_their_model()
    {
        var answer = await _simulator.PostForJsonAsync(
            "/v1/embeddings",
            """{"model":"text-embedding-3-large","input":[1,2,3]}""");

        Assert.Equal(3072, answer.GetProperty("data")[0].GetProperty("embedding").GetArrayLength());
        Assert.Equal(3, answer.GetProperty("usage").GetProperty("total_tokens").GetInt32());
    }

    [Fact]
    public async Task Models_are_listed_and_found()
    {
        using var listing = await _simulator.GetAsync("/v1/models");
        using var finding = await _simulator.GetAsync("/v1/models/gpt-4o");
        using var missing = await _simulator.GetAsync("/v1/models/gpt-0");

        var listed = (await SimulatorClient.JsonOf(listing)).GetProperty("data").EnumerateArray();
        Assert.Contains(listed, static model => model.GetProperty("id").GetString() == "gpt-4o");
        Assert.Equal("gpt-4o", (await SimulatorClient.JsonOf(finding)).GetProperty("id").GetString());
        Assert.Equal(HttpStatusCode.NotFound, missing.StatusCode);
    }

    [Fact]
    public async Task Files_come_back_as_they_went_up_until_they_are_deleted()
    {
        var content = Encoding.UTF8.GetBytes("{\"a\": 1}\n\r\n");
        var file = await UploadAsync(content);
        var id = file.GetProperty("id").GetString();

        using var reading = await _simulator.GetAsync($"/v1/files/{id}/content");
        using var deleting = await _simulator.SendAsync(
            _simulator.Request(HttpMethod.Delete, $"/v1/files/{id}", null), TestContext.Current.CancellationToken);
        using var missing = await _simulator.GetAsync($"/v1/files/{id}");

        Assert.Equal("data.jsonl", file.GetProperty("filename").GetString());
        Assert.Equal("batch", file.GetProperty("purpose").GetString());
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(content)), file.GetProperty("sha256").GetString());
        Assert.Equal(content, await reading.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
        Assert.Equal(HttpStatusCode.OK, deleting.StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, missing.StatusCode);
    }

    [Fact]
    public async Task Files_that_are_large_are_hashed_and_not_kept()
    {
        var content = new byte[3_000_000];
        var file = await UploadAsync(content);

        using var reading = await _simulator.GetAsync($"/v1/files/{file.GetProperty("id").GetString()}/content");

        Assert.Equal(3_000_000, file.GetProperty("bytes").GetInt64());
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(content)), file.GetProperty("sha256").GetString());
        Assert.Equal(HttpStatusCode.BadRequest, reading.StatusCode);
    }

    [Theory]
    [InlineData("application/json", "{}")]
    [InlineData(FormType, "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nno end")]
    [InlineData(FormType, "--x\r\nno colon\r\n\r\n\r\n--x--")]
    public async Task Files_are_refused_when_the_form_is_not_one(string type, string body)
    {
        using var content = new StringContent(body);
        content.Headers.Remove("Content-Type");
        content.Headers.TryAddWithoutValidation("Content-Type", type);

        using var answer = await _simulator.PostAsync("/v1/files", content);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    [Fact]
    public async Task Uploads_make_one_file_of_their_parts_in_the_order_that_is_asked_for()
    {
        var upload = await _simulator.PostForJsonAsync(
            "/v1/uploads",
            """{"filename":"a.txt","purpose":"batch","mime_type":"text/plain","bytes":4}""");
        var path = $"/v1/uploads/{upload.GetProperty("id").GetString()}";
        using var first = await _simulator.PostAsync(path + "/parts", Form("data", "cd"u8.ToArray()));
        using var second = await _simulator.PostAsync(path + "/parts", Form("data", "ab"u8.ToArray()));
        var ids = $"\"{await IdOfAsync(second)}\",\"{await IdOfAsync(first)}\"";

        var completed = await _simulator.PostForJsonAsync(path + "/complete", $"{{\"part_ids\":[{ids}]}}");

        var file = completed.GetProperty("file").GetProperty("id").GetString();
        using var reading = await _simulator.GetAsync($"/v1/files/{file}/content");
        Assert.Equal("completed", completed.GetProperty("status").GetString());
        Assert.Equal("abcd", await SimulatorClient.TextOf(reading));
    }

    [Fact]
    public async Task Batches_answer_every_line_of_their_input()
    {
        var input = await UploadAsync("""
            {"custom_id":"one","body":{"model":"m","messages":[{"role":"user","content":"Hi"}]}}
            {"custom_id":"two","body":{}}
            """u8.ToArray());
        var batch = await _simulator.PostForJsonAsync("/v1/batches", $$"""
            {"input_file_id":"{{input.GetProperty("id").GetString()}}","endpoint":"/v1/chat/completions",
            "completion_window":"24h"}
            """);
        var path = $"/v1/batches/{batch.GetProperty("id").GetString()}";

        var running = await SimulatorClient.JsonOf(await _simulator.GetAsync(path));
        var completed = await SimulatorClient.JsonOf(await _simulator.GetAsync(path));

        var output = completed.GetProperty("output_file_id").GetString();
        using var reading = await _simulator.GetAsync($"/v1/files/{output}/content");
        var lines = (await SimulatorClient.TextOf(reading)).TrimEnd().Split('\n');
        Assert.Equal("in_progress", running.GetProperty("status").GetString());
        Assert.Equal("completed", completed.GetProperty("status").GetString());
        Assert.Equal(2, lines.Length);
        Assert.Contains("\"custom_id\":\"one\",\"response\":{\"status_code\":200", lines[0]);
        Assert.Contains("\"custom_id\":\"two\",\"response\":{\"status_code\":400", lines[1]);
    }

    [Fact]
    public async Task Images_are_pictures()
    {
        var answer = await _simulator.PostForJsonAsync("/v1/images/generations", """{"prompt":"a cat","n":2}""");

        var picture = answer.GetProperty("data")[1].GetProperty("b64_json").GetBytesFromBase64();
        Assert.Equal("PNG"u8.ToArray(), picture[1..4]);
    }

    [Fact]
    public async Task Speech_is_a_playable_file_as_long_as_its_head_says()
    {
        using var answer = await _simulator.PostAsync(
            "/v1/audio/speech",
            """{"model":"m","voice":"alloy","input":"one two three","response_format":"wav"}""");

        var bytes = await answer.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);
        Assert.Equal("audio/wav", answer.Content.Headers.ContentType?.MediaType);
        Assert.Equal("RIFF"u8.ToArray(), bytes[..4]);
        Assert.Equal(bytes.Length - 8, BitConverter.ToInt32(bytes, 4));
        Assert.Equal(44 + (3 * 1600), bytes.Length);
    }

    [Theory]
    [InlineData("json", "\"text\":\"Simulated transcript of data.jsonl, 5 bytes.\"")]
    [InlineData("text", "Simulated transcript of data.jsonl, 5 bytes.\n")]
    [InlineData("srt", "00:00:00,000 --> 00:00:01,000")]
    [InlineData("vtt", "WEBVTT")]
    public async Task Transcriptions_tell_the_file_in_the_format_that_is_asked_for(string format, string expected)
    {
        using var form = Form("file", new byte[5], ("model", "whisper-1"), ("response_format", format));

        using var answer = await _simulator.PostAsync("/v1/audio/transcriptions", form);

        Assert.Contains(expected, await SimulatorClient.TextOf(answer));
    }

    [Fact]
    public async Task Moderations_flag_a_text_that_names_a_category()
    {
        var answer = await _simulator.PostForJsonAsync("/v1/moderations", """{"input":["peace","some violence"]}""");

        var flags = answer.GetProperty("results").EnumerateArray()
            .Select(static verdict => verdict.GetProperty("flagged").GetBoolean());
        Assert.Equal([false, true], flags);
    }

    [Theory]
    [InlineData("/v1/chat/completions")]
    [InlineData("/v1/completions")]
    [InlineData("/v1/responses")]
    [InlineData("/v1/messages")]
    [InlineData("/v1/messages/count_tokens")]
    [InlineData("/v1/embeddings")]
    [InlineData("/v1/moderations")]
    [InlineData("/v1/images/generations")]
    [InlineData("/v1/audio/speech")]
    [InlineData("/v1/uploads")]
    [InlineData("/v1/batches")]
    public async Task Every_endpoint_answers_or_refuses_whatever_type_a_member_has(string path)
    {
        string[] members =
        [
            "model", "messages", "prompt", "input", "tools", "tool_choice", "response_format", "text", "stop", "n",
            "max_tokens", "stream", "stream_options", "encoding_format", "system", "instructions", "voice",
        ];
        string[] values =
        [
            "1", "1.5", "-1", "true", "null", "\"\"", "\"m\"", "[]", "{}", "[1]", "[[]]", "[{}]", "[null]",
            "{\"type\":1}", "{\"type\":\"json_schema\",\"format\":[]}", "[{\"content\":[1,{\"text\":{}}]}]",
        ];
        const string Sound = "\"model\":\"m\",\"messages\":[{}],\"prompt\":\"p\",\"input\":\"i\",\"max_tokens\":1,"
            + "\"voice\":\"v\"";

        foreach (var member in members)
        {
            foreach (var value in values)
            {
                using var answer = await _simulator.PostAsync(
                    path, $"{{{Sound},\"{member}\":{value}}}", "anthropic-version: 2023-06-01");
                Assert.True((int)answer.StatusCode is 200 or 400, $"{(int)answer.StatusCode} for {member}: {value}");
            }
        }
    }

    [Theory]
    [InlineData("{\"model\":\"\\ud800\",\"prompt\":\"p\"}")]
    [InlineData("{\"model\":\"m\",\"\\uDC00\":1,\"prompt\":\"p\"}")]
    [InlineData("{\"model\":\"\u00ff\",\"prompt\":\"p\"}")]
    public async Task A_body_with_a_string_that_is_not_unicode_is_refused(string body)
    {
        using var content = new ByteArrayContent(Encoding.Latin1.GetBytes(body));

        using var answer = await _simulator.PostAsync("/v1/completions", content);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    private static string? TypeOf(ServerEvent step) => step.Json.GetProperty("type").GetString();

    private static async Task<string?> IdOfAsync(HttpResponseMessage answer) =>
        (await SimulatorClient.JsonOf(answer)).GetProperty("id").GetString();

    private async Task<JsonElement> UploadAsync(byte[] content)
    {
        using var form = Form("file", content, ("purpose", "batch"));
        using var answer = await _simulator.PostAsync("/v1/files", form);
        return await SimulatorClient.JsonOf(answer);
    }

    private static MultipartFormDataContent Form(string name, byte[] file, params (string Name, string Value)[] fields)
    {
        var form = new MultipartFormDataContent();
        foreach (var field in fields)
        {
            form.Add(new StringContent(field.Value), field.Name);
        }

        form.Add(new ByteArrayContent(file), name, "data.jsonl");
        return form;
    }
}
