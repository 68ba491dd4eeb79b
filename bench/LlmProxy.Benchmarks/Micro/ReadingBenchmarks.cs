using System.Text;
using BenchmarkDotNet.Attributes;
using LlmProxy.Usage.Reading;

namespace LlmProxy.Benchmarks.Micro;

/// <summary>What reading usage costs while an answer passes.</summary>
public class ReadingBenchmarks
{
    private static readonly byte[] Chunk = Encoding.UTF8.GetBytes(
        "data: {\"id\":\"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT\",\"object\":\"chat.completion.chunk\","
        + "\"created\":1741569952,\"model\":\"gpt-4o-mini\",\"choices\":[{\"index\":0,\"delta\":{"
        + "\"content\":\" river\"},"
        + "\"finish_reason\":null}]}\n\n");

    private static readonly byte[] Answer = Encoding.UTF8.GetBytes(
        "{\"id\":\"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT\",\"object\":\"chat.completion\",\"created\":1741569952,"
        + "\"model\":\"gpt-4o-mini-2024-07-18\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
        + "\"content\":\"Hello! How can I assist you today?\",\"refusal\":null,\"annotations\":[]},\"logprobs\":null,"
        + "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":19,\"completion_tokens\":10,\"total_tokens\":29,"
        + "\"prompt_tokens_details\":{\"cached_tokens\":0,\"audio_tokens\":0},\"completion_tokens_details\":{"
        + "\"reasoning_tokens\":0,\"audio_tokens\":0,\"accepted_prediction_tokens\":0,"
        + "\"rejected_prediction_tokens\":0}},\"service_tier\":\"default\",\"system_fingerprint\":\"fp_44709d6fcb\"}");

    // Once its text has reached the bound a reader does the same for ever.
    private readonly AnswerReader _stream = AnswerReader.For("text/event-stream", null)!;

    [GlobalCleanup]
    public void CleanUp() => _stream.Dispose();

    [Benchmark]
    public void Read_a_chunk_of_200_bytes() => _stream.Read(Chunk);

    [Benchmark]
    public long Read_an_answer_of_700_bytes()
    {
        using var reader = AnswerReader.For("application/json", null)!;
        reader.Read(Answer);
        return reader.Finish(isComplete: true).Usage.Total;
    }
}
