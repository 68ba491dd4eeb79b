using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace LlmProxy.Management;

/// <summary>Puts into the API description what the notes of an endpoint say (see <see cref="ApiNotes"/>).</summary>
internal static class ApiOperations
{
    private static readonly Dictionary<string, string> ResponseDescriptions = new(StringComparer.Ordinal)
    {
        ["200"] = "Done.",
        ["201"] = "Created.",
        ["204"] = "Done; there is nothing to say.",
        ["400"] = "The request is not well-formed; `code` says how and `field` where.",
        ["401"] = "The management token is missing or wrong.",
        ["403"] = "The project is switched off.",
        ["404"] = "There is no such resource.",
        ["409"] = "Another project has this name, or the cache is switched off.",
        ["413"] = "The body is larger than 64 KiB.",
        ["415"] = "The body is not `application/json`.",
        ["429"] = "Too many wrong management tokens came from this address; `Retry-After` says how long it must wait.",
        ["503"] = "The database cannot be reached just now, or the server is shutting down.",
    };

    public static async Task CompleteAsync(
        OpenApiOperation operation,
        OpenApiOperationTransformerContext context,
        string managementScheme,
        CancellationToken aborted)
    {
        foreach (var note in context.Description.ActionDescriptor.EndpointMetadata)
        {
            switch (note)
            {
                case ManagementEndpoint:
                    operation.Security = [Requires(context.Document, managementScheme)];
                    break;
                case QueryParameter parameter:
                    operation.Parameters ??= [];
                    operation.Parameters.Add(Describe(parameter));
                    break;
                case ReadsBody body:
                    operation.RequestBody = await DescribeAsync(body, context, aborted);
                    break;
            }
        }

        operation.Responses = Complete(operation.Responses ?? []);
    }

    public static OpenApiSecurityRequirement Requires(OpenApiDocument? document, string scheme) =>
        new() { [new OpenApiSecuritySchemeReference(scheme, document)] = [] };

    private static async Task<OpenApiRequestBody> DescribeAsync(
        ReadsBody body, OpenApiOperationTransformerContext context, CancellationToken aborted)
    {
        var name = body.Type.Name;
        var schema = await context.GetOrCreateSchemaAsync(body.Type, parameterDescription: null, aborted);

        // Unknown members are refused, which a schema says this way.
        schema.AdditionalPropertiesAllowed = false;
        context.Document!.AddComponent(name, schema);
        return new OpenApiRequestBody
        {
            Required = true,
            Content = new Dictionary<string, OpenApiMediaType>(StringComparer.Ordinal)
            {
                ["application/json"] = new() { Schema = new OpenApiSchemaReference(name, context.Document) },
            },
        };
    }

    private static OpenApiResponses Complete(OpenApiResponses responses)
    {
        var completed = new OpenApiResponses();
        foreach (var (status, response) in responses.OrderBy(static entry => entry.Key, StringComparer.Ordinal))
        {
            if (response is OpenApiResponse own)
            {
                own.Description = ResponseDescriptions.GetValueOrDefault(status, own.Description ?? string.Empty);
                own.Headers = HeadersOf(status);
            }

            completed.Add(status, response);
        }

        return completed;
    }

    private static Dictionary<string, IOpenApiHeader>? HeadersOf(string status)
    {
        var (name, meaning) = status switch
        {
            "201" => ("Location", "The path of what was created."),
            "401" => ("WWW-Authenticate", "Asks for a bearer token."),
            "429" => ("Retry-After", "How many seconds this address must wait."),
            _ => (null, null),
        };
        return name is null ? null : new(StringComparer.Ordinal)
        {
            [name] = new OpenApiHeader
            {
                Description = meaning,
                Schema = new OpenApiSchema { Type = JsonSchemaType.String },
            },
        };
    }

    private static OpenApiParameter Describe(QueryParameter parameter) => new()
    {
        Name = parameter.Name,
        In = ParameterLocation.Query,
        Description = parameter.Meaning,
        Schema = parameter.Kind switch
        {
            QueryParameterKind.Id => new OpenApiSchema { Type = JsonSchemaType.String, Format = "uuid" },
            QueryParameterKind.Time => new OpenApiSchema { Type = JsonSchemaType.String, Format = "date-time" },
            QueryParameterKind.Switch => new OpenApiSchema
            {
                Type = JsonSchemaType.Boolean,
                Default = JsonValue.Create(false),
            },
            QueryParameterKind.Limit => new OpenApiSchema
            {
                Type = JsonSchemaType.Integer,
                Minimum = "1",
                Maximum = ListQuery.LimitMax.ToString(CultureInfo.InvariantCulture),
                Default = JsonValue.Create(ListQuery.LimitDefault),
            },
            _ => new OpenApiSchema { Type = JsonSchemaType.String },
        },
    };
}
