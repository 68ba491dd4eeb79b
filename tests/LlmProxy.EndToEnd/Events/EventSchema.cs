using System.Text.Json;
using Json.Schema;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Events;

/// <summary>The schema that is promised to readers of events, <c>api/event.schema.json</c>.</summary>
internal static class EventSchema
{
    private static readonly JsonSchema Schema = JsonSchema.FromText(
        File.ReadAllText(Path.Combine(Executable.RepositoryRoot, "api", "event.schema.json")));

    private static readonly EvaluationOptions Options = new()
    {
        OutputFormat = OutputFormat.Flag,
        RequireFormatValidation = true,
    };

    private static readonly EvaluationOptions Detailed = new()
    {
        OutputFormat = OutputFormat.List,
        RequireFormatValidation = true,
    };

    /// <summary>Fails with what is wrong when it is not an event as the schema has it.</summary>
    public static void Demand(JsonElement json)
    {
        if (!IsMetBy(json))
        {
            var faults = (Schema.Evaluate(json, Detailed).Details ?? [])
                .Where(static detail => detail.Errors is not null)
                .SelectMany(static detail => detail.Errors!.Select(
                    error => $"{detail.InstanceLocation}: {error.Key} {error.Value}"));
            Assert.Fail($"No event by the schema:\n{string.Join('\n', faults)}\n{json}");
        }
    }

    public static bool IsMetBy(JsonElement json) => Schema.Evaluate(json, Options).IsValid;
}
