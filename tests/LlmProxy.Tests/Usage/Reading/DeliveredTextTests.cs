using System.Text;
using LlmProxy.Usage;
using LlmProxy.Usage.Reading;
using Xunit;

namespace LlmProxy.Tests.Usage.Reading;

/// <summary>What the model has said, kept for counting it.</summary>
public sealed class DeliveredTextTests
{
    [Fact]
    public void A_chat_completion_is_one_text() => Assert.Equal(["Hello \"you\""], Answers.TextsOf(Answers.Chat));

    [Fact]
    public void A_chat_stream_is_one_text_per_choice() =>
        Assert.Equal(["Hello \U0001F600", "Salü"], Answers.TextsOf(Answers.ChatStream, Answers.EventStream));

    [Fact]
    public void A_stream_of_responses_is_its_deltas_without_sound_and_without_the_repetition_at_the_end() =>
        Assert.Equal(["Hi there"], Answers.TextsOf(Answers.ResponsesStream, Answers.EventStream));

    [Fact]
    public void A_stream_of_Anthropic_is_one_text_per_content_block() =>
        Assert.Equal(
            ["Hm.", "Yes", "{\"usage\": 1}"], Answers.TextsOf(Answers.AnthropicStream, Answers.EventStream));

    [Theory]
    [InlineData("""{"choices":[{"text":"b","index":1},{"text":"a","index":0}]}""", "b|a")]
    [InlineData("""{"choices":[{"text":"a"},{"text":"b"}]}""", "a|b")]
    [InlineData("""{"choices":[{"message":{"content":"""
        + """[{"type":"text","text":"a"},{"type":"text","text":"b"}],"""
        + """ "refusal":"c","reasoning_content":"d"}}]}""", "abcd")]
    [InlineData("""{"choices":[{"message":{"content":null,"tool_calls":[{"id":"1","function":"""
        + """{"name":"f","arguments":"{}"}}]}}]}""", "f{}")]
    [InlineData("""{"choices":[{"message":{"function_call":{"name":"f","arguments":"{}"}}}]}""", "f{}")]
    [InlineData("""{"output":[{"type":"reasoning","summary":[{"text":"t"}]},{"content":[{"text":"a"},"""
        + """{"refusal":"b"}]},{"name":"f","arguments":"{}"}]}""", "t|ab|{}")]
    [InlineData("""{"type":"message","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}""", "a|b")]
    [InlineData("""{"error":{"message":"no"},"data":[{"text":"x"}]}""", "")]
    public void Whole_answers_are_read_where_they_say_something(string answer, string texts) =>
        Assert.Equal(texts, string.Join('|', Answers.TextsOf(answer)));

    [Fact]
    public void What_was_said_until_it_broke_off_is_there()
    {
        Assert.Equal(["Hel"], Answers.TextsOf("{\"choices\":[{\"message\":{\"content\":\"Hel"));
        Assert.Equal(
            ["Hel"],
            Answers.TextsOf("data: {\"type\":\"response.output_text.delta\",\"delta\":\"Hel", Answers.EventStream));
    }

    [Fact]
    public void Beyond_the_bound_the_bytes_are_only_counted()
    {
        var said = new string('x', TextCollector.BytesMax + 100);
        using var reader = AnswerReader.For(Answers.Json, null)!;
        reader.Read(Encoding.UTF8.GetBytes($"{{\"choices\":[{{\"text\":\"{said}\"}}]}}"));

        using var text = reader.TakeText()!;

        Assert.Equal((1, TextCollector.BytesMax, 100), (text.Count, text.Bytes, text.BytesBeyond));
        Assert.Equal(UsageFaults.Estimated, reader.Finish(isComplete: true).Faults);
    }

    [Fact]
    public void More_choices_than_an_answer_can_have_are_only_counted()
    {
        var choices = Enumerable.Range(0, TextCollector.TextsMax + 5).Select(static _ => "{\"text\":\"ab\"}");
        using var reader = AnswerReader.For(Answers.Json, null)!;
        reader.Read(Encoding.UTF8.GetBytes($"{{\"choices\":[{string.Join(',', choices)}]}}"));

        using var text = reader.TakeText()!;

        Assert.Equal((TextCollector.TextsMax, 10), (text.Count, text.BytesBeyond));
    }

    [Fact]
    public void It_outlives_the_reader_and_is_taken_once()
    {
        var reader = Answers.ReaderOf(Encoding.UTF8.GetBytes(Answers.Chat), Answers.Json, coding: null);
        using var text = reader.TakeText();
        Assert.Null(reader.TakeText());
        reader.Dispose();

        Assert.Equal("Hello \"you\"", Encoding.UTF8.GetString(text![0]));
    }

    [Fact]
    public void Who_says_nothing_leaves_no_text() => Assert.Empty(Answers.TextsOf("{\"choices\":[]}"));
}
