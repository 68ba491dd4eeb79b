using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Events;

/// <summary>Bodies in events: bounded, readable, and streams as what they amount to.</summary>
public sealed class CapturedBodyTests : IAsyncLifetime
{
    private const int RequestBytesMax = 2_000;
    private const int ResponseBytesMax = 4_000;
    private const string Text = "Content-Type: text/plain; charset=utf-8";

    private static readonly Dictionary<string, string> Chats = new(StringComparer.Ordinal)
    {
        ["two choices"] = """{"model":"gpt-4o","n":2,"messages":[{"role":"user","content":"Once more, Grüße 👋"}]""",
        ["probabilities"] =
            """{"model":"gpt-4o","logprobs":true,"top_logprobs":1,"messages":[{"role":"user","content":"Sure?"}]""",
        ["a tool"] =
            """
            {"model":"gpt-4o","messages":[{"role":"user","content":"weather, please"}],"tool_choice":"required",
             "tools":[{"type":"function","function":{"name":"weather","parameters":{"type":"object",
             "required":["city"],"properties":{"city":{"type":"string"},"days":{"type":"integer"}}}}}]
            """,
        ["cut short"] = """{"model":"gpt-4o","max_tokens":4,"messages":[{"role":"user","content":"Tell me all"}]""",
        ["a schema"] =
            """
            {"model":"gpt-4o","messages":[{"role":"user","content":"As JSON"}],"response_format":{
             "type":"json_schema","json_schema":{"name":"x","schema":{"type":"object","required":["a"],
             "properties":{"a":{"type":"string"}}}}}
            """,
    };

    private readonly EventRig _rig = new()
    {
        Settings =
        [
            ("OBSERVABILITY_CAPTURE_BODIES", "all"),
            ("OBSERVABILITY_MAX_REQUEST_BODY_BYTES", RequestBytesMax.ToString(CultureInfo.InvariantCulture)),
            ("OBSERVABILITY_MAX_RESPONSE_BODY_BYTES", ResponseBytesMax.ToString(CultureInfo.InvariantCulture)),
        ],
    };

    private IssuedToken _token = null!;

    public static TheoryData<string> Coded
    {
        get
        {
            var names = new TheoryData<string>();
            foreach (var name in (string[])["chat", "chat stream", "completion stream", "message stream", "response"])
            {
                names.Add($"{name} gzip");
                names.Add($"{name} br");
            }

            return names;
        }
    }

    public static TheoryData<string> ChatNames => [.. Chats.Keys];

    public static TheoryData<string> StreamNames => ["chat", "completion", "response", "message"];

    public async ValueTask InitializeAsync()
    {
        await _rig.InitializeAsync();
        _token = await _rig.TokenAsync();
    }

    public ValueTask DisposeAsync() => _rig.DisposeAsync();

    /// <summary>The character at the bound has four bytes, and begins one to four bytes before it.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task A_body_that_is_too_long_is_cut_between_two_characters_and_marked(int shift)
    {
        var sent = new string('a', shift) + string.Concat(Enumerable.Repeat("👋", RequestBytesMax / 4));
        var answered = new string('b', shift) + string.Concat(Enumerable.Repeat("👋", ResponseBytesMax / 4));
        var isCut = shift > 0;
        var route = _rig.DoesAt("echo", exchange => exchange.AnswerAsync(200, Encoding.UTF8.GetBytes(answered), Text));

        var (answer, logged) = await _rig.ExchangeAsync("POST", $"/raw{route.Path}", _token.Secret, sent, Text);

        Assert.Equal(answered, answer.Body.Text);
        Assert.Equal((Encoding.UTF8.GetByteCount(sent), (long)Encoding.UTF8.GetByteCount(answered)),
            (logged.Bytes("request"), logged.Bytes("response")));
        AssertIsBeginning(sent, logged.Body("request")!.Value, RequestBytesMax, isCut);
        AssertIsBeginning(answered, logged.Body("response")!.Value, ResponseBytesMax, isCut);
    }

    [Fact]
    public async Task JSON_that_was_cut_is_text_and_JSON_that_just_fits_is_JSON()
    {
        var fits = $$"""{"input":"{{new string('a', RequestBytesMax - 12)}}"}""";
        var isLonger = fits.Replace("a\"", "aa\"", StringComparison.Ordinal);

        var (_, whole) = await _rig.ExchangeAsync("POST", "/v1/simulator/status/204", _token.Secret, fits);
        var (_, cut) = await _rig.ExchangeAsync("POST", "/v1/simulator/status/204", _token.Secret, isLonger);

        Assert.Equal(RequestBytesMax, whole.Bytes("request"));
        Assert.Equal(fits, whole.Body("request")!.Value.GetProperty("json").GetRawText());
        Assert.False(whole.Body("request")!.Value.GetProperty("truncated").GetBoolean());
        AssertIsBeginning(isLonger, cut.Body("request")!.Value, RequestBytesMax, isCut: true);
    }

    [Fact]
    public async Task What_is_no_text_is_base64()
    {
        byte[] bytes = [.. Enumerable.Range(0, 256).Select(static i => (byte)i)];
        var route = _rig.DoesAt("bytes", exchange => exchange.AnswerAsync(200, bytes, "Content-Type: audio/pcm"));

        var (_, logged) = await _rig.ExchangeAsync("POST", $"/raw{route.Path}", _token.Secret, "plain", Text);

        Assert.Equal(bytes, logged.Body("response")!.Value.GetProperty("base64").GetBytesFromBase64());
        Assert.Equal("plain", logged.Body("request")!.Value.GetProperty("text").GetString());
    }

    [Theory]
    [MemberData(nameof(Coded))]
    public async Task A_compressed_answer_is_readable_in_its_event(string what)
    {
        var (name, coding) = (what[..what.LastIndexOf(' ')], what[(what.LastIndexOf(' ') + 1)..]);
        var call = ModelCall.Of(name);

        var (plain, _) = await call.RunAsync(_rig, _token);
        var (answer, logged) = await call.RunAsync(_rig, _token, $"x-simulator-encoding: {coding}");
        var (_, whole) = await ModelCall.Of(name.Split(' ')[0]).RunAsync(_rig, _token);

        Assert.Equal(coding, answer.Head.Value("Content-Encoding"));
        Assert.NotEqual(plain.Body.Content, answer.Body.Content);
        Assert.Equal(answer.Body.Content.Length, logged.Bytes("response"));
        AssertSame(
            whole.Body("response")!.Value.GetProperty("json"), logged.Body("response")!.Value.GetProperty("json"));
    }

    [Fact]
    public async Task A_compressed_request_is_readable_in_its_event()
    {
        const string Sent = """{"model":"gpt-4o","input":"pressed"}""";
        var route = _rig.DoesAt("pressed", static exchange => exchange.AnswerAsync(200, "ok"u8.ToArray()));
        var packed = Pack(Sent);
        await using var client = await RawClient.ConnectAsync(_rig.Proxy.Address);
        var id = EventRig.NewId();

        await client.SendAsync(_rig.Proxy.Head(
            "POST", $"/raw{route.Path}", _token.Secret, $"X-Request-ID: {id}", EventRig.JsonType,
            "Content-Encoding: gzip", string.Create(CultureInfo.InvariantCulture, $"Content-Length: {packed.Length}")));
        await client.SendAsync(packed);
        Assert.Equal(200, (await client.ReadAnswerAsync())?.Status);
        var logged = await _rig.EventOfAsync(id);

        Assert.Equal(packed.Length, logged.Bytes("request"));
        Assert.Equal(Sent, logged.Body("request")!.Value.GetProperty("json").GetRawText());
        Assert.Equal(packed, (await route.Request.Body).Content);
    }

    [Fact]
    public async Task An_answer_that_grows_when_it_is_unpacked_is_cut_all_the_same()
    {
        var long_ = new string('x', 1_000_000);
        var route = _rig.DoesAt("bomb", exchange => exchange.AnswerAsync(
            200, Pack(long_), Text, "Content-Encoding: gzip"));

        var (_, logged) = await _rig.ExchangeAsync("POST", $"/raw{route.Path}", _token.Secret, "{}");

        AssertIsBeginning(long_, logged.Body("response")!.Value, ResponseBytesMax, isCut: true);
    }

    [Theory]
    [MemberData(nameof(StreamNames))]
    public async Task A_stream_is_recorded_as_the_answer_that_it_amounts_to(string name)
    {
        var (whole, _) = await ModelCall.Of(name).RunAsync(_rig, _token, ModelCall.Wish);
        var (_, logged) = await ModelCall.Of($"{name} stream").RunAsync(_rig, _token, ModelCall.Wish);

        AssertAmountsTo(whole, logged);
    }

    [Theory]
    [MemberData(nameof(ChatNames))]
    public async Task A_streamed_chat_is_recorded_as_the_answer_that_it_amounts_to(string name)
    {
        var (whole, _) = await AskAsync(Chats[name] + "}");
        var (_, logged) = await AskAsync(Chats[name] + ""","stream":true,"stream_options":{"include_usage":true}}""");

        AssertAmountsTo(whole, logged);

        Task<(RawAnswer Answer, LoggedEvent Event)> AskAsync(string body) =>
            _rig.ExchangeAsync("POST", "/v1/chat/completions", _token.Secret, body);
    }

    /// <summary>The raw bytes of the stream are many times as long as the bound.</summary>
    [Theory]
    [MemberData(nameof(StreamNames))]
    public async Task A_stream_that_is_too_long_still_is_an_answer(string name)
    {
        var (answer, logged) = await ModelCall.Of($"{name} stream").RunAsync(
            _rig, _token, ModelCall.Wish, "x-simulator-chunks: 2000");

        var body = logged.Body("response")!.Value;
        var json = body.GetProperty("json");
        Assert.True(answer.Body.Content.Length > 10 * ResponseBytesMax);
        Assert.Equal((true, true),
            (body.GetProperty("assembled").GetBoolean(), body.GetProperty("truncated").GetBoolean()));
        Assert.InRange(Encoding.UTF8.GetByteCount(json.GetRawText()), ResponseBytesMax / 2, 4 * ResponseBytesMax);
        Assert.Equal(logged.Text("response_id"), json.GetProperty("id").GetString());
        Assert.Equal("reported", logged.Usage?.Source);
        Assert.NotEmpty(logged.Json.GetProperty("finish_reasons").EnumerateArray());
    }

    [Fact]
    public async Task A_stream_that_broke_off_is_recorded_as_far_as_it_came()
    {
        var call = ModelCall.Of("chat stream");
        var (whole, _) = await ModelCall.Of("chat").RunAsync(_rig, _token);
        var id = EventRig.NewId();

        await _rig.SendAsync(id, "POST", call.Target, _token.Secret, call.Body, "x-simulator-cut-after-events: 8");
        var logged = await _rig.EventOfAsync(id);

        var said = ContentOf(logged.Body("response")!.Value.GetProperty("json"));
        Assert.True(logged.Is("truncated"));
        Assert.True(logged.Body("response")!.Value.GetProperty("assembled").GetBoolean());
        using var document = JsonDocument.Parse(whole.Body.Text);
        Assert.NotEmpty(said);
        Assert.StartsWith(said, ContentOf(document.RootElement), StringComparison.Ordinal);
    }

    private static string ContentOf(JsonElement answer) =>
        answer.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString()!;

    private static void AssertAmountsTo(RawAnswer whole, LoggedEvent logged)
    {
        var body = logged.Body("response")!.Value;
        using var document = JsonDocument.Parse(whole.Body.Text);
        Assert.Equal((200, true), (whole.Status, logged.Is("stream")));
        Assert.Equal((true, false),
            (body.GetProperty("assembled").GetBoolean(), body.GetProperty("truncated").GetBoolean()));
        AssertSame(document.RootElement, body.GetProperty("json"));
    }

    private static void AssertSame(JsonElement expected, JsonElement actual) =>
        Assert.Equal(Plain(expected), Plain(actual));

    /// <summary>
    /// With members in one order, and without those that say nothing: no stream has a place for a message's empty list
    /// of annotations.
    /// </summary>
    private static string Plain(JsonElement json) => json.ValueKind switch
    {
        JsonValueKind.Object => $"{{{string.Join(',', json.EnumerateObject()
            .Where(static member => member.Value.ValueKind != JsonValueKind.Null && !IsEmpty(member.Value))
            .OrderBy(static member => member.Name, StringComparer.Ordinal)
            .Select(static member => $"\"{member.Name}\":{Plain(member.Value)}"))}}}",
        JsonValueKind.Array => $"[{string.Join(',', json.EnumerateArray().Select(Plain))}]",
        JsonValueKind.String => JsonValue.Create(json.GetString()!).ToJsonString(),
        _ => json.GetRawText(),
    };

    private static bool IsEmpty(JsonElement json) =>
        json is { ValueKind: JsonValueKind.Array } && json.GetArrayLength() == 0;

    private static void AssertIsBeginning(string whole, JsonElement body, int bytesMax, bool isCut)
    {
        var text = body.GetProperty("text").GetString()!;
        Assert.Equal(isCut, body.GetProperty("truncated").GetBoolean());
        Assert.StartsWith(text, whole, StringComparison.Ordinal);
        Assert.InRange(Encoding.UTF8.GetByteCount(text), bytesMax - 3, bytesMax);
    }

    private static byte[] Pack(string text)
    {
        using var packed = new MemoryStream();
#pragma warning disable MA0045 // In memory.
        using (var gzip = new GZipStream(packed, CompressionLevel.Optimal))
        {
            gzip.Write(Encoding.UTF8.GetBytes(text));
        }
#pragma warning restore MA0045
        return packed.ToArray();
    }
}
