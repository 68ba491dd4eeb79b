using LlmProxy.Storage;

namespace LlmProxy.Management;

/// <summary>
/// Turns what can break under a management request, the store and the caller's own connection, into a problem.
/// Anything else is a defect and goes to the server's failure boundary.
/// </summary>
internal sealed class ManagementFailures(ILogger<ManagementFailures> logger) : IEndpointFilter
{
    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        try
        {
            return await next(context);
        }
        catch (StoreUnavailable failure)
        {
            logger.StoreFailed(failure);
            context.HttpContext.Response.Headers.RetryAfter = "1";
            return Problems.StoreUnavailable.ToResult();
        }
        catch (BadHttpRequestException failure)
        {
            var problem = failure.StatusCode == StatusCodes.Status413PayloadTooLarge
                ? Problems.BodyTooLarge
                : Problems.BodyIncomplete;
            return problem.ToResult();
        }
    }
}
