using System.Buffers;
using System.Text;
using CsCheck;
using LlmProxy.Usage.Counting;
using Xunit;

namespace LlmProxy.Tests.Usage.Counting;

public sealed class RequestFactsTests
{
    private const string Form = "multipart/form-data; boundary=b";

    [Fact]
    public void A_chat_is_read_whole()
    {
        var facts = Read(Given.Chat, """
            {"model":"gpt-4o","messages":[{"role":"user","content":"Hi"}],"stream":true,
             "stream_options":{"include_usage":true,"x":{"include_usage":false}},"max_tokens":7,
             "max_completion_tokens":9,"n":3,"unknown":{"model":"o1","n":[1]}}
            """);

        Assert.Equal(
            new RequestFacts(BodyFault.None, "gpt-4o", IsStream: true, AsksForUsage: true, OutputMax: 9, Choices: 3),
            facts);
    }

    [Fact]
    public void An_empty_object_says_nothing() =>
        Assert.Equal(new RequestFacts(BodyFault.None), Read(Given.Chat, " {} "));

    [Theory]
    [InlineData("""{"models":["gpt-5.5-pro"]}""", true)]
    [InlineData("""{"fallbacks":[{"model":"o1"}]}""", true)]
    [InlineData("""{"tools":[{"type":"image_generation","model":"gpt-image-1"}]}""", true)]
    [InlineData("""{"models":null,"tools":[{"type":"image_generation","model":null}]}""", false)]
    [InlineData("""{"model":"o1","metadata":{"model":"o3"},"tools":[{"type":"function","name":"model"}]}""", false)]
    public void A_model_beside_the_one_that_is_named_is_seen(string json, bool expected) =>
        Assert.Equal(expected, Read(Given.Responses, json).NamesOtherModels);

    [Fact]
    public void The_tier_is_read() =>
        Assert.Equal("priority", Read(Given.Chat, """{"service_tier":"priority"}""").ServiceTier);

    [Theory]
    [InlineData("""{"max_tokens":0}""", 0L)]
    [InlineData("""{"max_tokens":5,"max_completion_tokens":null}""", 5L)]
    [InlineData("""{"max_tokens":5,"max_output_tokens":9}""", 5L)]
    [InlineData("""{"max_output_tokens":9}""", null)]
    [InlineData("""{"max_tokens":"5"}""", null)]
    [InlineData("""{"max_tokens":5.0}""", null)]
    [InlineData("""{"max_tokens":5e0}""", null)]
    [InlineData("""{"max_tokens":-1}""", null)]
    [InlineData("""{"max_tokens":99999999999999999999}""", null)]
    [InlineData("""{"max_tokens":[5]}""", null)]
    [InlineData("""{"max_tokens":5,"max_completion_tokens":"900"}""", null)]
    [InlineData("""{"max_tokens":5,"prediction":{"type":"content","content":"x"}}""", null)]
    public void Output_is_bounded_only_by_what_every_provider_understands(string json, long? expected) =>
        Assert.Equal((BodyFault.None, expected), (Read(Given.Chat, json).Fault, Read(Given.Chat, json).OutputMax));

    [Fact]
    public void Every_api_has_its_own_word_for_the_bound()
    {
        const string all = """{"max_tokens":1,"max_completion_tokens":2,"max_output_tokens":3}""";

        Assert.Equal(
            [2, 1, 3, 1, 3],
            new[] { Given.Chat, Given.Completions, Given.Responses, Given.Messages, default }
                .Select(operation => Read(operation, all).OutputMax ?? -1));
    }

    [Theory]
    [InlineData("""{"n":2}""", 2)]
    [InlineData("""{"n":0}""", 1)]
    [InlineData("""{"n":null}""", 1)]
    [InlineData("""{"n":2,"best_of":5}""", 5)]
    [InlineData("""{"prompt":"a"}""", 1)]
    [InlineData("""{"prompt":["a","b","c"],"n":2}""", 6)]
    [InlineData("""{"n":2,"prompt":["a","b","c"]}""", 6)]
    [InlineData("""{"prompt":[1,2,3]}""", 1)]
    [InlineData("""{"prompt":[[1,2],[3]]}""", 2)]
    [InlineData("""{"prompt":[]}""", 1)]
    [InlineData("""{"n":9223372036854775807,"prompt":["a","b"]}""", long.MaxValue)]
    public void Choices_multiply(string json, long expected) =>
        Assert.Equal((BodyFault.None, expected),
            (Read(Given.Completions, json).Fault, Read(Given.Completions, json).Choices));

    [Theory]
    [InlineData("", (int)BodyFault.NotJson)]
    [InlineData("null", (int)BodyFault.NotJson)]
    [InlineData("[{}]", (int)BodyFault.NotJson)]
    [InlineData("{", (int)BodyFault.NotJson)]
    [InlineData("""{"model":"a"} x""", (int)BodyFault.NotJson)]
    [InlineData("""{"model":"a"}{"model":"b"}""", (int)BodyFault.NotJson)]
    [InlineData("""{"model":"a",}""", (int)BodyFault.NotJson)]
    [InlineData("""{"tools":["x"}""", (int)BodyFault.NotJson)]
    [InlineData("""{"model":"a","model":"a"}""", (int)BodyFault.Repeated)]
    [InlineData("""{"model":"a","mod\u0065l":"b"}""", (int)BodyFault.Repeated)]
    [InlineData("""{"max_tokens":1,"max_tokens":2}""", (int)BodyFault.Repeated)]
    [InlineData("""{"stream_options":{"include_usage":true,"include_usage":false}}""", (int)BodyFault.Repeated)]
    [InlineData("""{"Model":"a"}""", (int)BodyFault.Unclear)]
    [InlineData("""{"model":"a","MODEL":"b"}""", (int)BodyFault.Unclear)]
    [InlineData("""{"max_to\u212aens":1}""", (int)BodyFault.Unclear)]
    [InlineData("""{"\u017ftream":1}""", (int)BodyFault.Unclear)]
    [InlineData("""{"model":1}""", (int)BodyFault.Unclear)]
    [InlineData("""{"model":["a"]}""", (int)BodyFault.Unclear)]
    [InlineData("""{"n":"5"}""", (int)BodyFault.Unclear)]
    [InlineData("""{"n":2.0}""", (int)BodyFault.Unclear)]
    [InlineData("""{"n":-1}""", (int)BodyFault.Unclear)]
    [InlineData("""{"model":"a\ud800"}""", (int)BodyFault.NotUtf8)]
    public void A_body_that_can_be_read_in_two_ways_is_at_fault(string json, int fault)
    {
        Assert.Equal((BodyFault)fault, Read(Given.Chat, json).Fault);
        Assert.Null(Read(Given.Chat, json).Model);
    }

    [Fact]
    public void Other_faults_are_told_apart()
    {
        byte[] invalid = [.. "{\"model\":\""u8, 0xff, .. "\"}"u8];

        Assert.Equal(
            [BodyFault.NotUtf8, BodyFault.TooDeep, BodyFault.None, BodyFault.LongModel, BodyFault.None],
            [
                RequestFacts.Read(Given.Chat, null, new ReadOnlySequence<byte>(invalid)).Fault,
                Read(Given.Chat, Nested(64)).Fault,
                Read(Given.Chat, Nested(63)).Fault,
                Read(Given.Chat, $$"""{"model":"{{new string('a', 257)}}"}""").Fault,
                Read(Given.Chat, $$"""{"model":"{{new string('é', 256)}}"}""").Fault,
            ]);
    }

    [Theory]
    [InlineData("""{"messages":[{"role":"user","content":"http://x.example/a.png image_url"}]}""", false, 0)]
    [InlineData("""{"messages":[{"content":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}}]}]}""",
        false, 0)]
    [InlineData("""{"messages":[{"content":[{"type":"image_url","image_url":{"url":"data:image\/png;base64,"}}]}]}""",
        false, 1)]
    [InlineData("""{"messages":[{"content":[{"type":"image_url","image_url":{"url":"https://x.example"}}]}]}""",
        true, 1)]
    [InlineData("""{"messages":[{"content":[{"Image_URL":{"URL":"https://x.example"}}]}]}""", true, 0)]
    [InlineData("""{"messages":[{"content":[{"image":"AAAA"}]}]}""", true, 0)]
    [InlineData("""{"messages":[{"content":[{"type":"input_audio","input_audio":{"data":"AA"}}]}]}""", true, 0)]
    [InlineData("""{"messages":[{"content":[{"t\u0079pe":"file","file":{"file_id":"f"}}]}]}""", true, 0)]
    [InlineData("""{"messages":[{"role":"assistant","audio":{"id":"a"}}]}""", true, 0)]
    [InlineData("""{"messages":[{"content":null,"tool_calls":[{"type":"function","function":{"name":"f"}}]}]}""",
        false, 0)]
    [InlineData("""{"tools":[{"type":"function","function":{"parameters":{"type":"object"}}}]}""", false, 0)]
    [InlineData("""{"tools":[{"type":"function"},{"type":"mcp"}]}""", true, 0)]
    [InlineData("""{"tools":["web_search"],"model":"m"}""", true, 0)]
    [InlineData("""{"web_search_options":{}}""", true, 0)]
    [InlineData("""{"web_search_options":null}""", false, 0)]
    public void A_chat_with_more_in_it_than_text_is_known(string json, bool hasUnseen, int images)
    {
        var facts = Read(Given.Chat, json);

        Assert.Equal((BodyFault.None, hasUnseen, images), (facts.Fault, facts.HasUnseenContext, facts.Images));
    }

    [Theory]
    [InlineData("""{"input":"a","instructions":"b"}""", false)]
    [InlineData("""{"input":[{"role":"user","content":[{"type":"input_text","text":"a"}]}]}""", false)]
    [InlineData("""{"input":[{"type":"function_call","arguments":""},{"type":"function_call_output","output":""}]}""",
        false)]
    [InlineData("""{"input":[{"type":"item_reference","id":"a"}]}""", true)]
    [InlineData("""{"input":[{"type":"reasoning","id":"a"}]}""", true)]
    [InlineData("""{"input":[{"content":[{"type":"input_image","image_url":"https://x.example"}]}]}""", true)]
    [InlineData("""{"input":[{"content":[{"type":"input_image","file_id":"f"}]}]}""", true)]
    [InlineData("""{"input":[{"content":[{"type":"input_file","file_url":"https://x.example"}]}]}""", true)]
    [InlineData("""{"previous_response_id":"r"}""", true)]
    [InlineData("""{"previous_response_id":null,"conversation":null}""", false)]
    [InlineData("""{"conversation":{"id":"c"}}""", true)]
    [InlineData("""{"prompt":{"id":"p"}}""", true)]
    [InlineData("""{"tools":[{"type":"file_search"}]}""", true)]
    [InlineData("""{"tools":[{"name":"f","type":"custom"}]}""", false)]
    public void A_response_that_takes_something_from_elsewhere_is_known(string json, bool hasUnseen) =>
        Assert.Equal((BodyFault.None, hasUnseen),
            (Read(Given.Responses, json).Fault, Read(Given.Responses, json).HasUnseenContext));

    [Theory]
    [InlineData("""{"system":[{"type":"text","text":"a"}],"tools":[{"name":"f","input_schema":{"type":"object"}}]}""",
        false)]
    [InlineData("""{"messages":[{"content":[{"type":"tool_use","input":{"url":"https:","type":"y","file":"z"}}]}]}""",
        false)]
    [InlineData("""{"messages":[{"content":[{"type":"tool_result","content":[{"type":"text","text":"a"}]}]}]}""",
        false)]
    [InlineData("""{"messages":[{"content":[{"type":"document","source":{"type":"url","url":"https://x"}}]}]}""",
        true)]
    [InlineData("""{"tools":[{"type":"web_search_20250305","name":"web_search"}]}""", true)]
    [InlineData("""{"mcp_servers":[{"type":"url"}]}""", true)]
    [InlineData("""{"container":"c"}""", true)]
    public void So_is_a_message_to_Anthropic(string json, bool hasUnseen) =>
        Assert.Equal((BodyFault.None, hasUnseen),
            (Read(Given.Messages, json).Fault, Read(Given.Messages, json).HasUnseenContext));

    [Theory]
    [InlineData("""{"background":true}""", true)]
    [InlineData("""{"background":"yes"}""", true)]
    [InlineData("""{"background":false}""", false)]
    [InlineData("""{"background":null}""", false)]
    public void Background_is_whatever_is_not_denied(string json, bool expected) =>
        Assert.Equal(expected, Read(Given.Responses, json).IsBackground);

    [Theory]
    [InlineData("""{"model":"a","session":{"type":"realtime","audio":{"model":"b"},"model":"c"}}""", "c", 0)]
    [InlineData("""{"session":{"model":"c","model":"d"}}""", null, (int)BodyFault.Repeated)]
    [InlineData("""{"session":{"MODEL":"c"}}""", null, (int)BodyFault.Unclear)]
    [InlineData("""{"session":null}""", null, 0)]
    public void A_session_names_its_model_inside(string json, string? model, int fault) =>
        Assert.Equal(((BodyFault)fault, model), (Read(Given.Secrets, json).Fault, Read(Given.Secrets, json).Model));

    [Fact]
    public void One_model_is_one_string() =>
        Assert.Same(
            Read(Given.Chat, """{"model":"gpt-5-mini"}""").Model,
            Read(Given.Chat, """{"model":"gpt\u002d5-mini"}""").Model);

    [Fact]
    public void A_short_chat_allocates_nothing()
    {
        var body = Given.Body("""{"model":"gpt-5","messages":[{"role":"user","content":"Hi"}],"max_tokens":7}""");
        RequestFacts.Read(Given.Chat, "application/json", body);
        var before = GC.GetAllocatedBytesForCurrentThread();

        for (var i = 0; i < 100; i++)
        {
            RequestFacts.Read(Given.Chat, "application/json", body);
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    [Fact]
    public void A_form_names_its_model()
    {
        var facts = Read(
            Given.Transcriptions, FormOf(("model", "whisper-1"), ("stream", "true"), ("file", "abc")), Form);

        Assert.Equal(
            new RequestFacts(BodyFault.None, "whisper-1", IsStream: true, HasUnseenContext: true), facts);
    }

    [Fact]
    public void A_form_has_pictures()
    {
        var facts = Read(
            Given.ImageEdits,
            FormOf(("image[]", "a"), ("image[]", "b"), ("mask", "c"), ("prompt", "p"), ("n", "4")),
            Form);

        Assert.Equal(new RequestFacts(BodyFault.None, Choices: 4, Images: 3), facts);
    }

    [Theory]
    [InlineData("--b\r\nContent-Disposition: form-data; name=model\r\n\r\nm\r\n--b--", 0)]
    [InlineData("--b--", 0)]
    [InlineData("", (int)BodyFault.NotForm)]
    [InlineData("preamble\r\n--b--", (int)BodyFault.NotForm)]
    [InlineData("--b\n\nm\n--b--", (int)BodyFault.NotForm)]
    [InlineData("--b\r\nContent-Disposition: form-data; name=\"mo\\del\"\r\n\r\nm\r\n--b--", (int)BodyFault.NotForm)]
    [InlineData("--b\r\nContent-Disposition: form-data; name=\"Model\"\r\n\r\nm\r\n--b--", (int)BodyFault.NotForm)]
    [InlineData("--b\r\nContent-Disposition: form-data; name=\"model[]\"\r\n\r\nm\r\n--b--", (int)BodyFault.NotForm)]
    [InlineData("--b\r\nContent-Disposition: form-data; name=\"%6dodel\"\r\n\r\nm\r\n--b--", (int)BodyFault.NotForm)]
    [InlineData("--b\r\n\r\nm\r\n--b--", (int)BodyFault.NotForm)]
    [InlineData("--b\r\nContent-Disposition: attachment; name=model\r\n\r\nm\r\n--b--", (int)BodyFault.NotForm)]
    [InlineData("--b\r\nContent-Disposition: form-data; name=n; name=model\r\n\r\nm\r\n--b--", (int)BodyFault.NotForm)]
    [InlineData("--b\r\nContent-Disposition: form-data; name=model\r\n\r\nm", (int)BodyFault.NotForm)]
    [InlineData("--b\r\nContent-Disposition: form-data; name=n\r\n\r\nx\r\n--b--", (int)BodyFault.Unclear)]
    public void Only_a_plain_form_is_one(string body, int fault) =>
        Assert.Equal((BodyFault)fault, Read(Given.ImageEdits, body, Form).Fault);

    [Fact]
    public void Two_models_in_a_form_are_a_fault() =>
        Assert.Equal(
            BodyFault.Repeated, Read(Given.ImageEdits, FormOf(("model", "a"), ("model", "a")), Form).Fault);

    [Theory]
    [InlineData("multipart/form-data")]
    [InlineData("multipart/mixed; boundary=b")]
    [InlineData("multipart/form-data; boundary=a; boundary=b")]
    public void A_form_has_one_boundary(string type) =>
        Assert.Equal(BodyFault.NotForm, Read(Given.ImageEdits, FormOf(("model", "a")), type).Fault);

    [Fact]
    public void Pieces_make_no_difference()
    {
        var bodies = Bodies.Select(static body => Encoding.UTF8.GetBytes(body)).ToArray();

        Gen.Select(Gen.Int[0, bodies.Length - 1], Gen.Int[1, 50]).Sample((index, length) =>
        {
            var type = bodies[index][0] == '-' ? Form : null;
            var whole = RequestFacts.Read(Given.Chat, type, new ReadOnlySequence<byte>(bodies[index]));

            return whole == RequestFacts.Read(Given.Chat, type, Given.Pieces(bodies[index], length));
        });
    }

    [Fact]
    public void Nothing_throws() =>
        Gen.Select(Gen.Int[0, Bodies.Length - 1], Gen.Select(Gen.Int[0, 400], Gen.Byte).Array[0, 6], Gen.Int[1, 400])
            .Sample(
                static (index, changes, length) =>
                {
                    var bytes = Encoding.UTF8.GetBytes(Bodies[index]);
                    foreach (var (place, value) in changes)
                    {
                        bytes[place % bytes.Length] = value;
                    }

                    var pieces = Given.Pieces(bytes, length);
                    RequestFacts.Read(Given.Chat, null, pieces);
                    RequestFacts.Read(Given.Secrets, null, pieces);
                    RequestFacts.Read(Given.ImageEdits, Form, pieces);
                },
                iter: 20_000);

    private static readonly string[] Bodies =
    [
        """
        {"model":"gpt-4é","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:x"}},
        {"t\u0079pe":"text","text":"日本語 😀 \ud83d\ude00"}]}],"tools":[{"type":"function"}],"n":2,"max_tokens":17}
        """,
        """{"session":{"model":"m"},"stream_options":{"include_usage":true},"prompt":["a","b"],"m\u00f6del":1}""",
        FormOf(("model", "whisper-é"), ("n", "2"), ("file", "--\r\n--a")),
    ];

    private static RequestFacts Read(ApiOperation operation, string body, string? type = "application/json") =>
        RequestFacts.Read(operation, type, Given.Body(body));

    private static string Nested(int depth) =>
        $$"""{"a":{{new string('[', depth)}}{{new string(']', depth)}}}""";

    private static string FormOf(params (string Name, string Value)[] fields) =>
        string.Concat(fields.Select(static field =>
            $"--b\r\nContent-Disposition: form-data; name=\"{field.Name}\"\r\n\r\n{field.Value}\r\n")) + "--b--\r\n";
}
