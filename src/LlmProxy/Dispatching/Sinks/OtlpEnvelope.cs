using System.Text;

namespace LlmProxy.Dispatching.Sinks;

/// <summary>
/// What goes around spans and log records: https://github.com/open-telemetry/opentelemetry-proto,
/// collector/trace/v1/trace_service.proto and collector/logs/v1/logs_service.proto.
/// </summary>
internal static class OtlpEnvelope
{
    private const string Resource =
        """{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"llm-proxy"}}]},""";

    private const string Scope = """[{"scope":{"name":"llm-proxy"},""";

    private static readonly byte[] SpansHead =
        Encoding.UTF8.GetBytes($$"""{"resourceSpans":[{{Resource}}"scopeSpans":{{Scope}}"spans":[""");

    private static readonly byte[] LogsHead =
        Encoding.UTF8.GetBytes($$"""{"resourceLogs":[{{Resource}}"scopeLogs":{{Scope}}"logRecords":[""");

    public static byte[] OfSpans(IEnumerable<byte[]> spans) =>
        JsonPieces.Join(SpansHead, spans.Select(static span => (ReadOnlyMemory<byte>)span), "]}]}]}"u8);

    public static byte[] OfLogs(IEnumerable<byte[]> records) =>
        JsonPieces.Join(LogsHead, records.Select(static record => (ReadOnlyMemory<byte>)record), "]}]}]}"u8);
}
