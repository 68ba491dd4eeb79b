using System.Text;
using LlmProxy.Cli.Benchmark;
using Xunit;

namespace LlmProxy.Tests.Cli.Benchmark;

public sealed class AnswerTextTests
{
    [Theory]
    [InlineData("""{"choices":[{"delta":{"content":"Hi"}}]}""")]
    [InlineData("""{"choices":[{"delta":{"reasoning_content":"Hm"}}]}""")]
    [InlineData("""{"choices":[{"delta":{"tool_calls":[{"function":{"arguments":"{"}}]}}]}""")]
    [InlineData("""{"choices":[{"text":"Hi"}]}""")]
    [InlineData("""{"type":"response.output_text.delta","delta":"Hi"}""")]
    [InlineData("""{"type":"content_block_delta","delta":{"type":"text_delta","text":"Hi"}}""")]
    public void A_piece_of_an_answer_is_seen_in_every_api(string json) => Assert.True(HasText(json));

    [Theory]
    [InlineData("""{"choices":[{"delta":{"role":"assistant","content":""}}]}""")]
    [InlineData("""{"choices":[{"delta":{"content":null},"finish_reason":"stop"}]}""")]
    [InlineData("""{"choices":[],"usage":{"completion_tokens":3}}""")]
    [InlineData("""{"type":"message_start","message":{"role":"assistant","content":[]}}""")]
    [InlineData("""{"type":"response.created","response":{"text":{"format":{"type":"text"}}}}""")]
    [InlineData("{\"choices\":[{\"delta\":{\"content\"")]
    [InlineData("no JSON")]
    [InlineData("")]
    public void What_carries_no_text_is_no_first_token(string json) => Assert.False(HasText(json));

    [Theory]
    [InlineData("""{"usage":{"prompt_tokens":5,"completion_tokens":7,"total_tokens":12}}""", 5L, 7L)]
    [InlineData("""{"response":{"usage":{"input_tokens":5,"output_tokens":7}}}""", 5L, 7L)]
    [InlineData("""{"usage":{"prompt_tokens_details":{"prompt_tokens":9},"prompt_tokens":5}}""", 5L, null)]
    [InlineData("""{"usage":{"prompt_tokens":"5","completion_tokens":1.5}}""", null, null)]
    [InlineData("""{"usage":null}""", null, null)]
    [InlineData("""{"usage":{"prompt_tokens":5""", null, null)]
    [InlineData("{}", null, null)]
    public void Usage_is_found_under_both_names(string json, long? prompt, long? completion) =>
        Assert.Equal(new ReportedUsage(prompt, completion), UsageIn(json));

    [Fact]
    public void Usage_that_comes_in_parts_is_put_together()
    {
        var begun = UsageIn("""{"message":{"usage":{"input_tokens":5,"output_tokens":1}}}""");

        var ended = UsageIn("""{"type":"message_delta","usage":{"output_tokens":9}}""", begun);

        Assert.Equal(new ReportedUsage(5, 9), ended);
    }

    private static bool HasText(string json) => AnswerText.HasText(Encoding.UTF8.GetBytes(json));

    private static ReportedUsage UsageIn(string json, ReportedUsage before = default) =>
        AnswerText.UsageIn(Encoding.UTF8.GetBytes(json), before);
}
