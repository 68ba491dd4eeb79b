using System.Text.Json;
using System.Text.Json.Nodes;

namespace LlmProxy.Tests.Dispatching.Sinks;

/// <summary>
/// The GenAI conventions of
/// https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/gen-ai/client-inference.md (revision
/// 024a4f94) and of model/gen-ai/gen-ai-input-messages.json, gen-ai-output-messages.json and
/// gen-ai-system-instructions.json there (2b902ce1): each attribute with its type, each message with its parts.
/// </summary>
internal static class GenAiShapes
{
    private static readonly Shape Fraction = Shape.Number;
    private static readonly Shape Texts = Shape.List(Shape.Text);

    private static readonly Shape Modality = Shape.Of("image", "video", "audio", "document");

    // GenericPart, the last, allows any type and member; of ours only these two are of such a type.
    private static readonly Shape Part = Shape.Either(
        Shape.Object(("type", Shape.Of("text")), ("content", Shape.Text)),
        Shape.Object(("type", Shape.Of("reasoning")), ("content", Shape.Text)),
        Shape.Object(
            ("type", Shape.Of("tool_call")), ("id?", Shape.Text), ("name", Shape.Text), ("arguments?", Shape.Anything)),
        Shape.Object(("type", Shape.Of("tool_call_response")), ("id?", Shape.Text), ("response", Shape.Anything)),
        Shape.Object(
            ("type", Shape.Of("blob")), ("modality", Modality), ("mime_type?", Shape.Text), ("content", Shape.Text)),
        Shape.Object(
            ("type", Shape.Of("uri")), ("modality", Modality), ("mime_type?", Shape.Text), ("uri", Shape.Text)),
        Shape.Object(
            ("type", Shape.Of("file")), ("modality", Modality), ("mime_type?", Shape.Text), ("file_id", Shape.Text)),
        Shape.Object(("type", Shape.Of("refusal")), ("content", Shape.Text)),
        Shape.Object(
            ("type", Shape.TextThat("a type of its own", static type => type is not "text")),
            ("content?", Shape.AnyObject)));

    private static readonly Shape Input = Shape.List(Shape.Object(
        ("role", Shape.Text), ("parts", Shape.List(Part)), ("name?", Shape.Text)));

    // The finish reason is on its way out; until 1.41 it is required.
    private static readonly Shape Output = Shape.List(Shape.Object(
        ("role", Shape.Text),
        ("parts", Shape.List(Part)),
        ("name?", Shape.Text),
        ("finish_reason?", Shape.Of("stop", "length", "content_filter", "tool_call", "error"))));

    private static readonly Dictionary<string, Shape> Known = new(StringComparer.Ordinal)
    {
        ["gen_ai.operation.name"] = Shape.Of("chat", "text_completion", "embeddings", "generate_content"),
        ["gen_ai.provider.name"] = Shape.Text,
        ["gen_ai.request.model"] = Shape.Text,
        ["gen_ai.request.stream"] = Shape.Flag,
        ["gen_ai.request.temperature"] = Fraction,
        ["gen_ai.request.top_p"] = Fraction,
        ["gen_ai.request.frequency_penalty"] = Fraction,
        ["gen_ai.request.presence_penalty"] = Fraction,
        ["gen_ai.request.top_k"] = Shape.Count,
        ["gen_ai.request.seed"] = Shape.Count,
        ["gen_ai.request.max_tokens"] = Shape.Count,
        ["gen_ai.request.choice.count"] = Shape.Count,
        ["gen_ai.request.stop_sequences"] = Texts,
        ["gen_ai.request.previous_response.id"] = Shape.Text,
        ["gen_ai.request.reasoning.level"] = Shape.Text,
        ["gen_ai.output.type"] = Shape.Of("text", "json", "image", "speech"),
        ["gen_ai.embeddings.dimension.count"] = Shape.Count,
        ["gen_ai.response.id"] = Shape.Text,
        ["gen_ai.response.model"] = Shape.Text,
        ["gen_ai.response.finish_reasons"] = Texts,
        ["gen_ai.response.time_to_first_chunk"] = Fraction,
        ["gen_ai.usage.input_tokens"] = Shape.Count,
        ["gen_ai.usage.output_tokens"] = Shape.Count,
        ["gen_ai.usage.cache_read.input_tokens"] = Shape.Count,
        ["gen_ai.usage.cache_write.input_tokens"] = Shape.Count,
        ["gen_ai.usage.reasoning.output_tokens"] = Shape.Count,
        ["gen_ai.usage.audio.input_tokens"] = Shape.Count,
        ["gen_ai.usage.audio.output_tokens"] = Shape.Count,
        ["gen_ai.system_instructions"] = Shape.List(Part),
        ["gen_ai.input.messages"] = Input,
        ["gen_ai.output.messages"] = Output,
        ["openai.response.service_tier"] = Shape.Text,
        ["error.type"] = Shape.Text,
        ["http.request.method"] = Shape.Text,
        ["http.response.status_code"] = Shape.Count,
        ["url.path"] = Shape.Text,
    };

    /// <summary>Attributes that the conventions do not know, or know otherwise; ours are free.</summary>
    public static IEnumerable<string> FaultsOf(JsonElement item)
    {
        foreach (var (name, value) in OtlpShapes.AttributesOf(item))
        {
            if (name.StartsWith("llm_proxy.", StringComparison.Ordinal))
            {
                continue;
            }

            var faults = Known.TryGetValue(name, out var shape)
                ? shape.FaultsOf(ElementOf(value))
                : ["$ is not known"];
            foreach (var fault in faults)
            {
                yield return name + fault[1..];
            }
        }
    }

    private static JsonElement ElementOf(JsonNode? node) =>
        JsonDocument.Parse(node?.ToJsonString() ?? "null").RootElement;
}
