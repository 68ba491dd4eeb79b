using System.Text;
using LlmProxy.Cli.Benchmark;
using Xunit;

namespace LlmProxy.Tests.Cli.Benchmark;

public sealed class StreamReadingTests
{
    [Theory]
    [InlineData("/v1/chat/completions", "message", "[DONE]")]
    [InlineData("/v1/completions", "message", "[DONE]")]
    [InlineData("/v1/messages", "message_stop", """{"type":"message_stop"}""")]
    [InlineData("/v1/responses", "response.completed", "{}")]
    [InlineData("/v1/responses", "response.incomplete", "{}")]
    public void A_stream_is_whole_when_its_api_has_said_so(string path, string type, string data)
    {
        var reading = new StreamReading(path);

        Read(reading, "message", "{}");
        var before = reading.IsWhole;
        Read(reading, type, data);

        Assert.Equal((false, true), (before, reading.IsWhole));
    }

    [Fact]
    public void A_stream_of_an_unknown_api_is_whole_when_its_body_is() =>
        Assert.True(new StreamReading("/v1/something").IsWhole);

    [Fact]
    public void The_mark_of_the_end_is_no_event_of_the_answer()
    {
        var reading = new StreamReading("/v1/chat/completions");

        Assert.True(Read(reading, "message", "{}"));
        Assert.False(Read(reading, "message", "[DONE]"));
        Assert.Equal(1, reading.Events);
    }

    [Theory]
    [InlineData("message", """{"error":{"message":"Overloaded","code":"busy"}}""", "busy: Overloaded")]
    [InlineData("error", """{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}""",
        "overloaded_error: Overloaded")]
    [InlineData("response.failed", """{"response":{}}""", "response.failed")]
    public void An_error_in_a_stream_is_kept(string type, string data, string complaint)
    {
        var reading = new StreamReading("/v1/responses");

        Read(reading, type, data);

        Assert.Equal(complaint, reading.Complaint);
    }

    [Fact]
    public void The_word_error_in_a_text_is_none()
    {
        var reading = new StreamReading("/v1/responses");

        Read(reading, "response.created", """{"response":{"error":null}}""");
        Read(reading, "response.output_text.delta", """{"delta":"an \"error\" of mine"}""");

        Assert.Null(reading.Complaint);
        Assert.True(reading.HasText);
    }

    private static bool Read(StreamReading reading, string type, string data) =>
        reading.Read(type, Encoding.UTF8.GetBytes(data));
}
