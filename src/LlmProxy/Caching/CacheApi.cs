using LlmProxy.Http;
using LlmProxy.Management;
using LlmProxy.Providers;

namespace LlmProxy.Caching;

/// <summary>The cache over HTTP.</summary>
/// <remarks>The comments of the handlers are the texts of the API description, which does not see private
/// ones.</remarks>
internal static class CacheApi
{
    private static readonly Problem Off = Problem.Of(409, "cache_off",
        "The cache is switched off (HTTP_CACHE_ENABLED), so nothing is stored.");

    public static IServiceCollection AddCacheApi(this IServiceCollection services) =>
        services.DescribeTypes(CacheJson.Default);

    /// <param name="manage">The group that <see cref="ManagementFeature.MapManagement"/> answers.</param>
    public static void MapCache(this IEndpointRouteBuilder manage)
    {
        var cache = manage.MapGroup("").WithTags("Cache");
        cache.MapPost("/cache/purge", PurgeAsync).WithName("purgeCache").Reads(typeof(PurgeCache)).Refuses(409)
            .Produces<PurgedCache>();
        cache.Map("/cache/purge", static (HttpContext http) => Methods.Refuse(http, "POST")).ExcludeFromDescription();
        cache.MapMethods("/cache/stats", Methods.Read, GetStats).WithName("getCacheStats").Refuses(409)
            .Produces<CacheStats>();
        cache.Map("/cache/stats", static (HttpContext http) => Methods.Refuse(http, "GET, HEAD"))
            .ExcludeFromDescription();
    }

    /// <summary>Forget cached answers</summary>
    /// <remarks>
    /// Those for which everything holds that is named. They are gone when this is answered; other instances forget
    /// theirs within a second. What was not stored is no fault.
    /// </remarks>
    internal static async Task<IResult> PurgeAsync(
        HttpRequest request, CacheDesk desk, ProviderTable providers, CancellationToken aborted)
    {
        var body = await StrictJson.ReadAsync(request, CacheJson.Default.PurgeCache);
        var (problem, purge) = body.Problem is { } fault ? (fault, null) : CachePurge.Read(body.Value, providers);
        if (purge is null)
        {
            return problem!.ToResult();
        }

        return desk.IsOn
            ? TypedResults.Json(
                new PurgedCache { Deleted = await desk.PurgeAsync(purge, aborted) }, CacheJson.Default.PurgedCache)
            : Off.ToResult();
    }

    /// <summary>See what the cache does</summary>
    /// <remarks>Of this instance, since it was started.</remarks>
    internal static IResult GetStats(CacheDesk desk) =>
        desk.IsOn ? TypedResults.Json(desk.Read(), CacheJson.Default.CacheStats) : Off.ToResult();
}
