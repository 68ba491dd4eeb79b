using LlmProxy.Usage;
using LlmProxy.Usage.Reading;
using Xunit;

namespace LlmProxy.Tests.Usage.Reading;

/// <summary>Which usage is read from which shape of answer, and what is wrong with it.</summary>
public sealed class AnswerReaderTests
{
    [Fact]
    public void A_chat_completion_tells_its_usage_model_and_tier()
    {
        var facts = Answers.FactsOf(Answers.Chat);

        Assert.Equal(
            new AnswerFacts(
                new UsageReport(UsageSource.Reported, 19, 10, 8, 0, 2, 4, 1),
                UsageFaults.None, "gpt-4o-mini-2024-07-18", "default", HasEnded: true),
            facts);
    }

    [Fact]
    public void A_chat_stream_tells_its_usage_in_the_last_chunk()
    {
        var facts = Answers.FactsOf(Answers.ChatStream, Answers.EventStream);

        Assert.Equal(
            new AnswerFacts(
                new UsageReport(UsageSource.Reported, 5, 3), UsageFaults.None, "gpt-4o", null, HasEnded: true),
            facts);
    }

    [Fact]
    public void A_stream_of_responses_tells_its_usage_when_it_is_completed()
    {
        var facts = Answers.FactsOf(Answers.ResponsesStream, Answers.EventStream);

        Assert.Equal(
            new AnswerFacts(
                new UsageReport(UsageSource.Reported, 37, 11, Cached: 7, Reasoning: 6),
                UsageFaults.None, "gpt-5", "default", HasEnded: true),
            facts);
    }

    [Fact]
    public void A_stream_of_Anthropic_tells_its_usage_in_two_parts_and_the_cached_tokens_beside_the_others()
    {
        var facts = Answers.FactsOf(Answers.AnthropicStream, Answers.EventStream);

        Assert.Equal(
            new AnswerFacts(
                new UsageReport(UsageSource.Reported, 1125, 15, Cached: 1000, CacheWritten: 100),
                UsageFaults.None, "claude-sonnet-4-5", "standard", HasEnded: true),
            facts);
    }

    [Theory]
    [InlineData("""{"object":"list","data":[{"embedding":[0.1,-2e-3]}],"usage":{"prompt_tokens":"""
        + """8,"total_tokens":8}}""", 8, 0)]
    [InlineData("""{"text":"Hi","usage":{"type":"tokens","input_tokens":14,"output_tokens":45,"total_tokens":"""
        + """59}}""", 14, 45)]
    [InlineData("""{"data":[{"b64_json":"AA"}],"usage":{"input_tokens":50,"output_tokens":"""
        + """60,"input_tokens_details":{"text_tokens":10,"image_tokens":40}}}""", 50, 60)]
    [InlineData("""{"type":"message","content":[{"text":"a"}],"usage":{"input_tokens":"""
        + """5,"cache_read_input_tokens":3,"cache_creation_input_tokens":null,"output_tokens":2}}""", 8, 2)]
    [InlineData("""{"usage":{"prompt_tokens":50,"cache_read_input_tokens":30,"completion_tokens":2}}""", 50, 2)]
    [InlineData("""{"\u0075sage":{"prompt\u005ftokens":1,"completion_tokens":2,"prompt_tokens_details":null}}""", 1, 2)]
    public void Other_answers_tell_it_too(string answer, long prompt, long completion)
    {
        var facts = Answers.FactsOf(answer);

        Assert.Equal(
            (UsageSource.Reported, prompt, completion, UsageFaults.None),
            (facts.Usage.Source, facts.Usage.Prompt, facts.Usage.Completion, facts.Faults));
    }

    [Theory]
    [InlineData("""{"usage":{"type":"duration","seconds":7}}""")]
    [InlineData("""{"usage":null}""")]
    [InlineData("""{"usage":{}}""")]
    [InlineData("""{"usage":[{"prompt_tokens":1}]}""")]
    [InlineData("""{"metadata":{"usage":{"prompt_tokens":1}}}""")]
    [InlineData("""{"choices":[{"usage":{"prompt_tokens":1},"message":{"content":"{\"usage\":{\"prompt_tokens\":"""
        + """1}}","usage":{"prompt_tokens":1}}}]}""")]
    [InlineData("""{"choices":[{"message":{"tool_calls":[{"function":{"arguments":"{}","usage":{"prompt_tokens":"""
        + """1}}}]}}]}""")]
    [InlineData("""{"output":[{"content":[{"text":"a","usage":{"prompt_tokens":1}}]}]}""")]
    [InlineData("""[{"usage":{"prompt_tokens":1}}]""")]
    public void What_is_no_usage_of_tokens_at_its_place_is_no_report(string answer)
    {
        var facts = Answers.FactsOf(answer);

        Assert.Equal((default(UsageReport), UsageFaults.None), (facts.Usage, facts.Faults));
    }

    [Theory]
    [InlineData("-1")]
    [InlineData("1.5")]
    [InlineData("1e3")]
    [InlineData("100000001")]
    [InlineData("99999999999999999999999999")]
    [InlineData("\"7\"")]
    [InlineData("true")]
    [InlineData("{}")]
    [InlineData("[1]")]
    public void A_number_that_cannot_be_true_makes_the_report_worthless(string number)
    {
        var facts = Answers.FactsOf($$$"""{"usage":{"prompt_tokens":{{{number}}},"completion_tokens":2}}""");

        Assert.Equal((default(UsageReport), UsageFaults.Implausible), (facts.Usage, facts.Faults));
    }

    [Fact]
    public void A_part_that_is_larger_than_the_whole_does_not_count()
    {
        var facts = Answers.FactsOf(
            """
            {"usage":{"prompt_tokens":10,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":11},
            "completion_tokens_details":{"reasoning_tokens":6}}}
            """);

        Assert.Equal(
            (new UsageReport(UsageSource.Reported, 10, 5), UsageFaults.Implausible), (facts.Usage, facts.Faults));
    }

    [Fact]
    public void Of_two_reports_in_one_object_the_last_one_counts()
    {
        var facts = Answers.FactsOf("""{"usage":{"prompt_tokens":1},"usage":{"prompt_tokens":2}}""");

        Assert.Equal((2, UsageFaults.Repeated), (facts.Usage.Prompt, facts.Faults));
    }

    [Fact]
    public void Usage_that_is_repeated_in_every_chunk_is_the_last_one()
    {
        var facts = Answers.FactsOf(
            "data: {\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":1,"
            + "\"prompt_tokens_details\":{\"cached_tokens\":2}}}\n\n"
            + "data: {\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2}}\n\ndata: [DONE]\n\n",
            Answers.EventStream);

        Assert.Equal(
            (new UsageReport(UsageSource.Reported, 9, 2), UsageFaults.None), (facts.Usage, facts.Faults));
    }

    [Theory]
    [InlineData("data: [DONE]\n\n")]
    [InlineData("data:[DONE]\r\n\r\n")]
    [InlineData("data: {\"type\":\"message_stop\"}\n\n")]
    [InlineData("data: {\"type\":\"response.failed\"}\n\n")]
    [InlineData("data: {\"type\":\"error\",\"error\":{}}\n\n")]
    [InlineData("data: {\"error\":{\"message\":\"overloaded\"}}\n\n")]
    public void Usage_after_the_end_does_not_count(string end)
    {
        var facts = Answers.FactsOf(
            $"data: {{\"usage\":{{\"prompt_tokens\":1}}}}\n\n{end}data: {{\"usage\":{{\"prompt_tokens\":2}}}}\n\n",
            Answers.EventStream);

        Assert.Equal((1, UsageFaults.AfterEnd, true), (facts.Usage.Prompt, facts.Faults, facts.HasEnded));
    }

    [Theory]
    [InlineData("data:{\"usage\":\ndata:{\"prompt_tokens\":4}}\n\n")]
    [InlineData("\uFEFFdata: {\"usage\":{\"prompt_tokens\":4}}\r\r")]
    [InlineData(": comment\r\nid: 1\r\ndatax: {\r\ndata: {\"usage\":{\"prompt_tokens\":4}}\r\n\r\n")]
    [InlineData("data: no JSON\n\ndata: [1]\n\ndata\n\ndata: {\"usage\":{\"prompt_tokens\":4}}\n\n")]
    [InlineData("data: {\"usage\":{\"prompt_tokens\":4}}")]
    [InlineData("data: {\"choices\":[],\"usage\":{\"prompt_tokens\":4}")]
    public void Events_are_framed_as_the_standard_says_and_the_last_one_need_not_end(string stream)
    {
        foreach (var size in (int[])[1, 2, 5, 1000])
        {
            var facts = Answers.FactsOf(stream, Answers.EventStream, size);

            Assert.Equal((4, UsageFaults.None, false), (facts.Usage.Prompt, facts.Faults, facts.HasEnded));
        }
    }

    [Fact]
    public void An_event_that_is_no_JSON_in_the_end_tells_nothing()
    {
        var facts = Answers.FactsOf("data: {\"usage\":{\"prompt_tokens\":4},,\n\n", Answers.EventStream);

        Assert.Equal(UsageSource.Unknown, facts.Usage.Source);
    }

    [Fact]
    public void Lines_of_JSON_are_read_one_by_one()
    {
        var facts = Answers.FactsOf(
            "{\"model\":\"m\"}\n{\"usage\":{\"prompt_tokens\":4}}\n{broken\n{\"a\":1}", "application/x-ndjson");

        Assert.Equal((4, "m", true), (facts.Usage.Prompt, facts.Model, facts.HasEnded));
    }

    [Theory]
    [InlineData("{\"usage\":{\"prompt_tokens\":4}", nameof(UsageFaults.Truncated))]
    [InlineData("{\"usage\":{\"prompt_tokens\":4}}x", nameof(UsageFaults.Unreadable))]
    [InlineData("{\"usage\":{\"prompt_tokens\":4}}\n", nameof(UsageFaults.None))]
    public void Usage_of_a_document_that_is_cut_is_still_taken(string answer, string faults)
    {
        var facts = Answers.FactsOf(answer);

        Assert.Equal((4, faults), (facts.Usage.Prompt, facts.Faults.ToString()));
    }

    [Fact]
    public void An_answer_that_breaks_off_says_so()
    {
        using var reader = AnswerReader.For(Answers.EventStream, null)!;
        reader.Read("data: {\"usage\":{\"prompt_tokens\":4}}\n\n"u8);

        var facts = reader.Finish(isComplete: false);

        Assert.Equal((4, UsageFaults.Truncated, false), (facts.Usage.Prompt, facts.Faults, facts.HasEnded));
    }

    [Theory]
    [InlineData("application/json", true)]
    [InlineData(" Application/JSON ; charset=utf-8", true)]
    [InlineData("application/problem+json", true)]
    [InlineData("text/event-stream", true)]
    [InlineData("application/x-ndjson", true)]
    [InlineData("application/octet-stream", false)]
    [InlineData("text/html", false)]
    [InlineData("", false)]
    [InlineData(null, false)]
    public void Only_what_can_be_JSON_has_a_reader(string? type, bool isRead)
    {
        using var reader = AnswerReader.For(type, null);

        Assert.Equal(isRead, reader is not null);
    }

    [Fact]
    public void A_name_is_the_same_string_each_time()
    {
        var first = Answers.FactsOf("{\"model\":\"one-model\"}").Model;

        Assert.Same(first, Answers.FactsOf("{\"model\":\"one-model\"}").Model);
        Assert.Null(Answers.FactsOf($"{{\"model\":\"{new string('m', 129)}\"}}").Model);
        Assert.Null(Answers.FactsOf("{\"model\":\"a\\nb\"}").Model);
    }
}
