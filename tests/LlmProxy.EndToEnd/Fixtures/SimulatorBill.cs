using System.Text.Json;

namespace LlmProxy.EndToEnd.Fixtures;

/// <summary>What requests cost, as the simulator counted it.</summary>
internal sealed record BillLine(long Requests, long Prompt, long Cached, long Reasoning, long Completion)
{
    public static readonly BillLine Nothing = new(0, 0, 0, 0, 0);

    public static BillLine In(JsonElement line) => new(
        Number(line, "requests"), Number(line, "prompt_tokens"), Number(line, "cached_tokens"),
        Number(line, "reasoning_tokens"), Number(line, "completion_tokens"));

    private static long Number(JsonElement line, string name) =>
        line.TryGetProperty(name, out var number) ? number.GetInt64() : 0;
}

/// <summary>The simulator's own account, to hold the proxy's against.</summary>
internal sealed record SimulatorBill(
    IReadOnlyDictionary<string, BillLine> Models, BillLine Unreported, BillLine Aborted)
{
    public static SimulatorBill Parse(string text)
    {
        using var document = JsonDocument.Parse(text);
        var root = document.RootElement;
        return new SimulatorBill(
            root.GetProperty("models").EnumerateObject().ToDictionary(
                static model => model.Name, static model => BillLine.In(model.Value), StringComparer.Ordinal),
            BillLine.In(root.GetProperty("unreported")),
            BillLine.In(root.GetProperty("aborted")));
    }

    /// <summary>What was billed for one model.</summary>
    public BillLine Of(string model) => Models.GetValueOrDefault(model, BillLine.Nothing);
}
