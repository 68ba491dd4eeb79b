using System.Globalization;
using System.Text;
using LlmProxy.Events.Assembly;
using Xunit;

namespace LlmProxy.Tests.Events.Assembly;

/// <summary>What the assembler costs a stream.</summary>
public sealed class AssemblerCostTests(ITestOutputHelper output)
{
    private const int Count = 10_000;

    public static TheoryData<string> Chunks =>
    [
        Streams.Chunk("""{"content":" word"}"""),
        Streams.Chunk("""{"tool_calls":[{"index":0,"function":{"arguments":"\":1"}}]}"""),
        "data: {\"id\":\"cmpl-1\",\"object\":\"text_completion\",\"created\":1690759702,"
            + "\"choices\":[{\"text\":\" word\",\"index\":0,\"logprobs\":null,\"finish_reason\":null}]}\n\n",
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"
            + "\"delta\":{\"type\":\"text_delta\",\"text\":\" word\"}}\n\n",
        "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":7,"
            + "\"item_id\":\"msg_67c9fdcf37fc8190ba82116e33fb28c5\",\"output_index\":0,\"content_index\":0,"
            + "\"delta\":\" word\",\"logprobs\":[],\"obfuscation\":\"Tq3kVb\"}\n\n",
    ];

    [Theory]
    [MemberData(nameof(Chunks))]
    public void A_chunk_allocates_nothing(string text)
    {
        var chunk = Encoding.UTF8.GetBytes(text);
        using var assembler = AnswerAssembler.For(Streams.EventStream, contentEncoding: null, 2 * Count)!;
        Feed(assembler, chunk, 3 * Count);

        var before = GC.GetAllocatedBytesForCurrentThread();
        Feed(assembler, chunk, Count);

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Theory]
    [MemberData(nameof(Chunks))]
    public void A_chunk_of_a_growing_text_costs_less_than_its_own_length(string text)
    {
        var chunk = Encoding.UTF8.GetBytes(text);
        Measure(chunk);

        // The buffers of texts, which double, come from the pool, which had none of that size; and what a stream needs.
        Assert.InRange(Measure(chunk) / Count, 0, 50);
    }

    [Fact]
    public void An_answer_is_no_longer_than_it_may_be()
    {
        var chunk = Encoding.UTF8.GetBytes(Streams.Chunk("""{"content":"01234567","other":"89"}"""));
        using var assembler = AnswerAssembler.For(Streams.EventStream, contentEncoding: null, 64 * 1024)!;

        Feed(assembler, chunk, 100_000);

        Assert.InRange(assembler.Finish()!.Json.Length, 64 * 1024, (64 * 1024) + ByteBudget.ReserveBytes);
    }

    /// <summary>
    /// A figure to read, not to hold: <c>LLM_PROXY_TEST_CHUNKS=1000000 dotnet run … -- -class … -showLiveOutput</c>.
    /// </summary>
    [Theory]
    [MemberData(nameof(Chunks))]
    public void A_chunk_takes_about_a_microsecond(string text)
    {
        var chunk = Encoding.UTF8.GetBytes(text);
        var asked = Environment.GetEnvironmentVariable("LLM_PROXY_TEST_CHUNKS");
        var rounds = int.TryParse(asked, CultureInfo.InvariantCulture, out var chunks) ? chunks / Count : 5;
        MeasureOften(chunk, rounds);
        var clock = TimeProvider.System;
        var start = clock.GetTimestamp();
        MeasureOften(chunk, rounds);

        var each = clock.GetElapsedTime(start).TotalNanoseconds / (rounds * Count);
        output.WriteLine($"{each:F0} ns a chunk of {chunk.Length} bytes");
        Assert.NotEqual(0, each);
    }

    private static void MeasureOften(byte[] chunk, int rounds)
    {
        for (var round = 0; round < rounds; round++)
        {
            Measure(chunk);
        }
    }

    private static long Measure(byte[] chunk)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        using var assembler = AnswerAssembler.For(Streams.EventStream, contentEncoding: null, Streams.Plenty)!;
        Feed(assembler, chunk, Count);
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    private static void Feed(AnswerAssembler assembler, byte[] chunk, int count)
    {
        for (var at = 0; at < count; at++)
        {
            assembler.Read(chunk);
        }
    }
}
