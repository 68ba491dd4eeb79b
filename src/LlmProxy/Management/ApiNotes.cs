using LlmProxy.Http;

namespace LlmProxy.Management;

/// <summary>
/// What an endpoint says about itself for the API description where the framework cannot see it: bodies and queries
/// are read strictly by our own code, so no handler parameter tells of them.
/// </summary>
internal static class ApiNotes
{
    // The framework's own note (Accepts) would also route by content type, past the gate and to an empty 415.
    public static TBuilder Reads<TBuilder>(this TBuilder endpoint, Type body)
        where TBuilder : IEndpointConventionBuilder =>
        endpoint.WithMetadata(new ReadsBody(body)).Refuses(400, 413, 415);

    public static TBuilder Takes<TBuilder>(this TBuilder endpoint, QueryParameter parameter)
        where TBuilder : IEndpointConventionBuilder =>
        endpoint.WithMetadata(parameter);

    /// <summary>The endpoint answers with a list in pages.</summary>
    public static TBuilder IsPaged<TBuilder>(this TBuilder endpoint)
        where TBuilder : IEndpointConventionBuilder =>
        endpoint.Takes(QueryParameter.Limit).Takes(QueryParameter.Cursor).Refuses(400);

    /// <summary>The endpoint refuses with these statuses, by a problem each.</summary>
    public static TBuilder Refuses<TBuilder>(this TBuilder endpoint, params ReadOnlySpan<int> statuses)
        where TBuilder : IEndpointConventionBuilder
    {
        foreach (var status in statuses)
        {
            endpoint.WithMetadata(new ProducesResponseTypeMetadata(status, typeof(Problem), [Problem.MediaType]));
        }

        return endpoint;
    }
}

/// <summary>Marks an endpoint that wants the management token.</summary>
internal sealed class ManagementEndpoint;

/// <summary>The endpoint reads a JSON body of this type.</summary>
internal sealed record ReadsBody(Type Type);

/// <summary>The endpoint takes this query parameter.</summary>
internal sealed record QueryParameter(string Name, QueryParameterKind Kind, string Meaning)
{
    public static readonly QueryParameter Limit = new("limit", QueryParameterKind.Limit,
        "How many to show at most.");

    public static readonly QueryParameter Cursor = new("cursor", QueryParameterKind.Text,
        "The `next_cursor` of the page before, with the same filters.");
}

/// <summary>The forms that a query parameter may have.</summary>
internal enum QueryParameterKind
{
    Text,
    Id,
    Switch,
    Limit,
    Time,
}
