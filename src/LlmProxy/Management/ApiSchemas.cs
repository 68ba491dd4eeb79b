using System.Text.Json.Serialization.Metadata;
using LlmProxy.Http;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace LlmProxy.Management;

/// <summary>
/// Corrects the schemas of the API description where our types say less, or other words, than the wire.
/// </summary>
internal static class ApiSchemas
{
    private const string AnswerSuffix = "Answer";

    /// <summary>On the wire an answer is just the thing: <c>ProjectAnswer</c> is a <c>Project</c>.</summary>
    public static string? NameOf(JsonTypeInfo type) =>
        OpenApiOptions.CreateDefaultSchemaReferenceId(type) is not { } name ? null
        : name.EndsWith(AnswerSuffix, StringComparison.Ordinal) ? name[..^AnswerSuffix.Length]
        : name;

    public static void Correct(OpenApiSchema schema, JsonTypeInfo type, JsonPropertyInfo? property)
    {
        if (type.Type == typeof(Problem))
        {
            // Left out, and not null, where there is no field.
            schema.Required?.Remove("field");
        }

        if (property is { Name: "expires_at" })
        {
            schema.Format = "date-time";
        }
    }
}
