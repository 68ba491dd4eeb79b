using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using CsCheck;
using LlmProxy.Usage.Counting;
using SharpToken;
using Xunit;

namespace LlmProxy.Tests.Usage.Counting;

public sealed class PromptCounterTests
{
    // OpenAI's cookbook, "How to count tokens with tiktoken", chapter 6.
    private const string CookbookMessages = """
        [{"role":"system","content":
          "You are a helpful, pattern-following assistant that translates corporate jargon into plain English."},
         {"role":"system","name":"example_user","content":"New synergies will help drive top-line growth."},
         {"role":"system","name":"example_assistant","content":
          "Things working well together will increase revenue."},
         {"role":"system","name":"example_user","content":
          "Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage."},
         {"role":"system","name":"example_assistant","content":
          "Let's talk later when we're less busy about how to do better."},
         {"role":"user","content":
          "This late pivot means we don't have time to boil the ocean for the client deliverable."}]
        """;

    // Chapter 7.
    private const string CookbookTools = """
        [{"type":"function","function":{"name":"get_current_weather",
          "description":"Get the current weather in a given location",
          "parameters":{"type":"object","properties":{
            "location":{"type":"string","description":"The city and state, e.g. San Francisco, CA"},
            "unit":{"type":"string","description":"The unit of temperature to return",
              "enum":["celsius","fahrenheit"]}},
          "required":["location"]}}}]
        """;

    private const string CookbookQuestion = """
        [{"role":"system","content":"You are a helpful assistant that can answer to questions about the weather."},
         {"role":"user","content":"What's the weather like in San Francisco?"}]
        """;

    private static readonly GptEncoding O200k = GptEncoding.GetEncoding("o200k_base");
    private static readonly JsonSerializerOptions Readable =
        new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    [Theory]
    [InlineData("gpt-3.5-turbo", 129)]
    [InlineData("gpt-4-0613", 129)]
    [InlineData("gpt-4", 129)]
    [InlineData("gpt-4o", 124)]
    [InlineData("gpt-4o-mini", 124)]
    public void The_cookbooks_messages_have_the_published_count(string model, int expected) =>
        Assert.Equal(new PromptCount(expected, IsWhole: true), Chat(model, $$"""{"messages":{{CookbookMessages}}}"""));

    [Theory]
    [InlineData("gpt-3.5-turbo", 105)]
    [InlineData("gpt-4", 105)]
    [InlineData("gpt-4o", 101)]
    [InlineData("gpt-4o-mini", 101)]
    public void The_cookbooks_function_has_the_published_count(string model, int expected) =>
        Assert.Equal(
            new PromptCount(expected, IsWhole: true),
            Chat(model, $$"""{"messages":{{CookbookQuestion}},"tools":{{CookbookTools}}}"""));

    [Fact]
    public async Task A_chat_is_its_texts_and_a_frame_for_each_message()
    {
        foreach (var prompt in await Prompts.ReadAsync())
        {
            var body = new JsonObject
            {
                ["messages"] = new JsonArray(
                    new JsonObject { ["role"] = "system", ["content"] = prompt },
                    new JsonObject
                    {
                        ["role"] = "user",
                        ["name"] = "bob",
                        ["content"] = new JsonArray(new JsonObject { ["type"] = "text", ["text"] = prompt }),
                    }),
            };

            var expected = 3 + (3 + 1 + Reference(prompt)) + (3 + 1 + 1 + Reference("bob") + Reference(prompt));

            Assert.Equal((prompt, expected), (prompt, (int)Chat("gpt-5", body.ToJsonString()).Tokens));
        }
    }

    [Theory]
    [InlineData("gpt-4o", 1024, 1024, "high", 765)]
    [InlineData("gpt-4o", 2048, 4096, "high", 1105)]
    [InlineData("gpt-4o", 4096, 8192, "low", 85)]
    [InlineData("gpt-4o", 128, 64, "high", 255)]
    [InlineData("gpt-4.1", 2049, 513, "high", 1445)]
    [InlineData("gpt-4.1", 2050, 513, "high", 765)]
    [InlineData("gpt-4o-mini", 128, 64, "high", 8500)]
    [InlineData("gpt-4o-mini", 128, 64, "low", 2833)]
    [InlineData("gpt-5", 1024, 1024, "auto", 630)]
    [InlineData("o3", 128, 64, "high", 225)]
    [InlineData("gpt-5.2", 1024, 1024, "high", 1024)]
    [InlineData("gpt-5.2", 1800, 2400, "high", 1452)]
    [InlineData("gpt-4.1-mini", 1800, 2400, "high", 2353)]
    [InlineData("gpt-4.1-nano", 1024, 1024, "high", 2520)]
    [InlineData("o4-mini", 1024, 1024, "high", 1762)]
    [InlineData("gpt-5-mini", 1, 1_000_000, "high", 104)]
    public void Pictures_cost_what_is_published(string model, int width, int height, string detail, int expected)
    {
        var picture = Convert.ToBase64String(Png(width, height));
        var chat = Chat(model, $$"""
            {"messages":[{"role":"user","content":[{"type":"image_url","image_url":
              {"url":"data:image/png;base64,{{picture}}","detail":"{{detail}}"} }]}]}
            """);
        var response = Count(ApiShape.Responses, model, $$"""
            {"input":[{"role":"user","content":[{"type":"input_image","detail":"{{detail}}",
              "image_url":"data:image\/png;base64,{{picture}}"}]}]}
            """);

        Assert.Equal(new PromptCount(3 + 3 + 1 + expected, IsWhole: true), chat);
        Assert.Equal(chat, response);
    }

    [Theory]
    [InlineData("gpt-4o", "https://x.example/a.png", 1445)]
    [InlineData("gpt-4o-mini", "https://x.example/a.png", 48169)]
    [InlineData("gpt-4.1-mini", "data:image/png;base64,AAAA", 2489)]
    [InlineData("gpt-5.4", "", 10_000)]
    [InlineData("nobody-knows", "https://x.example/a.png", 10_000)]
    public void A_picture_that_cannot_be_measured_costs_the_most(string model, string url, int expected) =>
        Assert.Equal(
            new PromptCount(7 + expected, IsWhole: false),
            Chat(model, $$$"""
                {"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"{{{url}}}"}}]}]}
                """));

    [Fact]
    public void Sizes_are_read_from_every_format()
    {
        byte[] gif = [.. "GIF89a"u8, 0x40, 0x01, 0xf0, 0x00];
        byte[] jpeg =
        [
            0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 0xff, 0xff, 0xc4, 0, 3, 9,
            0xff, 0xc2, 0, 17, 8, 0x00, 0xf0, 0x01, 0x40, 3,
        ];
        byte[] extended = [.. "RIFF____WEBPVP8X____"u8, 0, 0, 0, 0, 0x3f, 0x01, 0, 0xef, 0, 0];
        byte[] lossless = [.. "RIFF____WEBPVP8L____"u8, 0x2f, 0x3f, 0xc1, 0x3b, 0, 0, 0, 0, 0, 0];
        byte[] lossy = [.. "RIFF____WEBPVP8 ____"u8, 0, 0, 0, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xf0, 0x00];

        Assert.All(
            new[] { Png(320, 240), gif, jpeg, extended, lossless, lossy },
            static file => Assert.Equal(new ImageSize(320, 240), ImageSize.Of(file)));
    }

    [Fact]
    public void Anything_may_be_called_a_picture() =>
        Gen.Select(Gen.OneOf(Gen.Const(Png(9, 9)), Gen.Const("RIFF____WEBPVP8X"u8.ToArray()),
                Gen.Const(new byte[] { 0xff, 0xd8, 0xff })), Gen.Byte.Array)
            .Sample(static (start, rest) =>
            {
                byte[] file = [.. start, .. rest];
                return ImageSize.Of(file) is null or { Width: > 0, Height: > 0 };
            });

    [Theory]
    [InlineData((int)ApiShape.Completions, """{"prompt":"Hello, world!"}""", 4)]
    [InlineData((int)ApiShape.Completions, """{"prompt":["Hello, world!","Hello, world!"]}""", 8)]
    [InlineData((int)ApiShape.Completions, """{"prompt":[1,2,3]}""", 3)]
    [InlineData((int)ApiShape.Completions, """{"prompt":[[1,2],[3]]}""", 3)]
    [InlineData((int)ApiShape.Completions, """{}""", 0)]
    [InlineData((int)ApiShape.Embeddings, """{"input":["Hello, world!"]}""", 4)]
    [InlineData((int)ApiShape.Responses, """{"input":"Hello, world!"}""", 11)]
    [InlineData((int)ApiShape.Responses, """{"input":[{"role":"user","content":"Hello, world!"}]}""", 11)]
    [InlineData((int)ApiShape.Responses, """{"instructions":"Hello, world!","input":"Hello, world!"}""", 19)]
    [InlineData((int)ApiShape.Chat,
        """{"messages":[{"role":"user","tool_calls":[{"type":"function","function":{"name":"f","arguments":"a"}}]}]}""",
        17)]
    public void Other_shapes_are_counted_too(int shape, string json, int expected) =>
        Assert.Equal(new PromptCount(expected, IsWhole: true), Count((ApiShape)shape, "gpt-4o", json));

    [Theory]
    [InlineData((int)ApiShape.Responses, """{"previous_response_id":"r","input":"a"}""")]
    [InlineData((int)ApiShape.Responses, """{"input":[{"type":"item_reference","id":"a"}]}""")]
    [InlineData((int)ApiShape.Responses, """{"tools":[{"type":"web_search"}],"input":"a"}""")]
    [InlineData((int)ApiShape.Chat, """{"messages":[{"content":[{"type":"input_audio","input_audio":{}}]}]}""")]
    [InlineData((int)ApiShape.Chat, """{"web_search_options":{}}""")]
    [InlineData((int)ApiShape.Chat, """{"messages":["a"]}""")]
    [InlineData((int)ApiShape.Messages, """{"messages":[{"role":"user","content":"a"}]}""")]
    [InlineData((int)ApiShape.Transcription, """{}""")]
    [InlineData((int)ApiShape.Chat, "no json")]
    [InlineData((int)ApiShape.Chat, "[]")]
    public void A_count_that_is_not_whole_says_so(int shape, string json) =>
        Assert.False(Count((ApiShape)shape, "gpt-4o", json).IsWhole);

    [Fact]
    public void A_message_to_Anthropic_is_bounded_from_above()
    {
        // Published: Anthropic's guide "Token counting" counts 14 tokens for this one.
        var count = Count(ApiShape.Messages, "claude-sonnet-4-5", """
            {"system":"You are a scientist","messages":[{"role":"user","content":"Hello, Claude"}]}
            """);

        Assert.InRange(count.Tokens, 14, 28);
    }

    [Fact]
    public void No_text_has_more_tokens_than_its_body_has_bytes() =>
        Gen.Select(Text.Array[0, 6], Tool.Array[0, 4], Gen.Bool).Sample(static (texts, tools, isReadable) =>
        {
            var body = new JsonObject
            {
                ["messages"] = new JsonArray([.. texts.Select(static text =>
                    (JsonNode)new JsonObject { ["role"] = "user", ["content"] = text })]),
                ["input"] = new JsonArray([.. texts.Select(static text => (JsonNode)text)]),
                ["tools"] = new JsonArray([.. tools.Select(static tool => JsonNode.Parse(tool)!)]),
            };
            var bytes = Write(body, isReadable);

            return Models.All(model =>
                Bounded(ApiShape.Chat, model, bytes)
                && Bounded(ApiShape.Messages, model, bytes)
                && Bounded(ApiShape.Embeddings, model, bytes)
                && Bounded(ApiShape.Responses, model, bytes));
        });

    [Fact]
    public void Nothing_throws() =>
        Gen.Select(Gen.Int[0, Bodies.Length - 1], Gen.Select(Gen.Int[0, 2000], Gen.Byte).Array[0, 5]).Sample(
            static (index, changes) =>
            {
                var bytes = Encoding.UTF8.GetBytes(Bodies[index]);
                foreach (var (place, value) in changes)
                {
                    bytes[place % bytes.Length] = value;
                }

                return Enum.GetValues<ApiShape>().All(shape =>
                    PromptCounter.Count(shape, "gpt-4o", new ReadOnlySequence<byte>(bytes)).Tokens >= 0);
            },
            iter: 2000);

    private static readonly string[] Models = ["gpt-4o", "gpt-4", "claude-opus-4-5"];

    private static readonly string[] Bodies =
    [
        $$"""{"messages":{{CookbookMessages}},"tools":{{CookbookTools}}}""",
        """
        {"messages":[{"role":"user","content":[{"type":"text","text":"\u00e9\ud83d\ude00"},{"type":"image_url",
        "image_url":{"url":"data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAUAAAADw"}}]},{"tool_calls":[{"type":
        "function","function":{"name":"f","arguments":"{}"}}]}],"functions":[{"name":"g","parameters":{"properties":
        {"a":{"enum":[1,"b"],"items":{"properties":{"c":{"type":["string","null"]}}}}}}}],"input":[{"type":
        "function_call","name":"f"},{"type":"function_call_output","output":[{"type":"input_text","text":"a"}]}],
        "system":[{"type":"text","text":"s"}],"prompt":[[1],"a"],"response_format":{"json_schema":{"a":1}}}
        """,
        """{"messages":[{"role":"a\ud83d","content":"\udc00"}],"input":["\ud83d"],"\ud83d":1}""",
    ];

    private static readonly Gen<string> Text = Gen.OneOf(
        Gen.String.Select(static text => text.Replace("\ud800", "", StringComparison.Ordinal)),
        Gen.Int[0x20, 0x2fff].Array[0, 30].Select(static runes =>
            string.Concat(runes.Select(static rune => char.ConvertFromUtf32(rune)))),
        Gen.Int[0x1f300, 0x1faff].Array[0, 10].Select(static runes =>
            string.Concat(runes.Select(static rune => char.ConvertFromUtf32(rune)))),
        Gen.Const("<|endoftext|>\u0000\u0001\"\\"));

    private static readonly Gen<string> Tool = Gen.OneOf(
        Gen.Const("""{"type":"function"}"""),
        Gen.Const("""{"type":"function","name":"f","parameters":{"properties":{"a":{},"b":{},"c":{"enum":[]}}}}"""),
        Gen.Const("""
            {"type":"function","function":{"name":"f","parameters":{"properties":{"a":{"enum":["x","y","z"]},
            "b":{"enum":[1,2,3,null]},"c":{"properties":{"d":{}}},"e":{"items":{"properties":{"f":{}}}}}}}}
            """),
        Gen.Const(JsonNode.Parse(CookbookTools)![0]!.ToJsonString()),
        Gen.Const("""{"name":"f","input_schema":{"type":"object","properties":{"a":{"type":"string"}}}}"""));

    private static bool Bounded(ApiShape shape, string model, byte[] body) =>
        PromptCounter.Count(shape, model, new ReadOnlySequence<byte>(body)).Tokens
            <= PromptCounter.UpperBound(shape, body.Length);

    private static byte[] Write(JsonObject body, bool isReadable) =>
        Encoding.UTF8.GetBytes(body.ToJsonString(isReadable ? Readable : null));

    private static PromptCount Chat(string model, string json) => Count(ApiShape.Chat, model, json);

    private static PromptCount Count(ApiShape shape, string model, string json) =>
        PromptCounter.Count(shape, model, Given.Body(json));

    private static int Reference(string text)
    {
        var none = new HashSet<string>(StringComparer.Ordinal);
        return O200k.Encode(text, none, none).Count;
    }

    private static byte[] Png(int width, int height) =>
    [
        0x89, .. "PNG\r\n\u001a\n"u8, 0, 0, 0, 13, .. "IHDR"u8,
        (byte)(width >> 24), (byte)(width >> 16), (byte)(width >> 8), (byte)width,
        (byte)(height >> 24), (byte)(height >> 16), (byte)(height >> 8), (byte)height, 8, 2, 0, 0, 0,
    ];
}
