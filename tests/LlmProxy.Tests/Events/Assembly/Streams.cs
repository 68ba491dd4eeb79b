using System.Text;
using LlmProxy.Events.Assembly;
using Xunit;

namespace LlmProxy.Tests.Events.Assembly;

/// <summary>Streams for the assembler: those of the corpus, and chunks made here.</summary>
internal static class Streams
{
    public const string EventStream = "text/event-stream; charset=utf-8";
    public const int Plenty = 1024 * 1024;

    private const string Folder = "tests/LlmProxy.Tests/Events/Assembly/Corpus";

    public static IReadOnlyList<string> Names { get; } =
    [
        .. Directory.EnumerateFiles(Repository.PathOf(Folder), "*.sse")
            .Select(static file => Path.GetFileNameWithoutExtension(file))
            .Order(StringComparer.Ordinal),
    ];

#pragma warning disable MA0045 // Small files, and properties and fuzzers want many of them at once.
    public static byte[] Bytes(string name) => File.ReadAllBytes(Repository.PathOf($"{Folder}/{name}.sse"));

    public static string Answer(string name) => File.ReadAllText(Repository.PathOf($"{Folder}/{name}.json"));
#pragma warning restore MA0045

    public static Task<string> ReadMeAsync() => Repository.ReadAsync($"{Folder}/README.md");

    /// <summary>A chunk of a chat as OpenAI sends it.</summary>
    public static string Chunk(string delta, string finishReason = "null") =>
        """
        data: {"id":"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT","object":"chat.completion.chunk","created":1741569952,
        """.TrimEnd()
        + "\"model\":\"gpt-4.1-2025-04-14\",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_10c08bf97d\","
        + $"\"choices\":[{{\"index\":0,\"delta\":{delta},\"logprobs\":null,\"finish_reason\":{finishReason}}}],"
        + "\"usage\":null,\"obfuscation\":\"Tq3\"}\n\n";

    public static AssembledAnswer? Assemble(string stream, int bytesMax = Plenty) =>
        Assemble(Encoding.UTF8.GetBytes(stream), bytesMax);

    public static AssembledAnswer? Assemble(byte[] stream, int bytesMax = Plenty) =>
        Assemble([stream], bytesMax: bytesMax);

    public static AssembledAnswer? Assemble(IEnumerable<byte[]> pieces, string? coding = null, int bytesMax = Plenty)
    {
        using var assembler = AnswerAssembler.For(EventStream, coding, bytesMax);
        Assert.NotNull(assembler);
        foreach (var piece in pieces)
        {
            assembler.Read(piece);
        }

        return assembler.Finish();
    }
}
